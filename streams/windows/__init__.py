"""Time as figures see it: panes, windows as half-open intervals, and how far time has come. Pure."""
