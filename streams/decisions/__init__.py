"""What is decided, each in a pure function with time as an argument and a named reason as the answer."""
