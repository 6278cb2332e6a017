"""Metrics that arrive point by point: what is unusual, told at once and with bounded memory."""
