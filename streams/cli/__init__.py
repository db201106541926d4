"""The command line: one command, one file, found by its name."""
