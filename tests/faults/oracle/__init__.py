"""A plain recount of everything that Planwatch shows, from the logs alone: one thread, one event at a time.

Shares no code with the product beyond the vocabulary in `schemas`.
"""
