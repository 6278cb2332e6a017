"""What each kind of monitor says of one window."""
