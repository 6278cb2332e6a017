"""When a failed delivery is tried again, and when it is given up."""

from datetime import timedelta

MOST_ATTEMPTS = 8
_FIRST = timedelta(seconds=1)
_LONGEST = timedelta(minutes=2)


def pause_before(attempt: int) -> timedelta | None:
    """Return the pause before the next try after `attempt` failed ones; None: give up."""
    if attempt >= MOST_ATTEMPTS:
        return None
    return min(_FIRST * (1 << (attempt - 1)), _LONGEST)
