"""What alerts would have been: back-tests on history."""
