"""The three Faust agents: decode, call the fold, send. What is decided is decided in `streams/engine`."""
