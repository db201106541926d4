"""Folding events into cells, cells into pages. Pure: knows no broker, no clock, no window."""
