"""Which columns belong together, and whether they still do."""
