"""How fast Planwatch is: one table and one JSON file of figures, each beside what it must reach.

`figures` holds runs and their statistics, `report` writes them down, `sizes` says how large everything is,
`events` and `loading` fill topics, `raw_loop` and `worker_run` are the two things that are compared, `cpu`
reads what a process has used, `profile` says what it used it for. The tests hold what is measured and what
it must reach.
"""
