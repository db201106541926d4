"""The one engine: measure, evaluate and respond as pure folds over logs.

Live agents, rule tests, backtests and replays call the same folds; time is always an argument.
"""
