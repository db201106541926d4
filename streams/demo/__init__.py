"""The demonstration: a seeded scenario, an embedded broker, a live view, and the question whether it
worked."""
