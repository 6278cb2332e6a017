"""Pure numpy and scipy: values in, a decision with its reason out. No I/O, no clock, no warning, no NaN in a result."""
