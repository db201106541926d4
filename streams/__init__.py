"""The machinery: pure folds (cells, windows, decisions, engine) and the edge around them."""
