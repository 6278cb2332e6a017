"""What happened to a column: hypotheses of a fault, each with how much of the change it explains."""
