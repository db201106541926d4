"""The overview board: Grafana's JSON made from a catalogue, so that a new KPI has its panel undrawn.

`overview` makes it, `queries` reads the queries back out of it. Only `sdk` knows Grafana's SDK.
"""
