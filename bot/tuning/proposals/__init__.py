"""From somebody's own table to monitors: what its columns are, what to watch, and what that would have said."""
