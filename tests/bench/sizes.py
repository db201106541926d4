"""How large the bench is. Each size is a variable of the environment, so that a short run is the same bench.

The defaults are the sizes that the figures are promised for; a figure that depends on steady work (a rate, a
growth) swings more in a short run.
"""

import os


def _size(name: str, default: int) -> int:
    return int(os.environ.get(f"PLANWATCH_BENCH_{name}", str(default)))


#: events in a topic that throughput is measured on
EVENTS = _size("EVENTS", 2_000_000)
#: events in a topic that growth is measured on
GROWTH_EVENTS = _size("GROWTH_EVENTS", EVENTS // 4)
#: runs of each thing that is compared
RUNS = _size("RUNS", 3)
#: cells that a takeover takes over
CELLS = _size("CELLS", 1_000_000)
#: cells and ids that memory is measured with
MEMORY_CELLS = _size("MEMORY_CELLS", 10_000_000)
IDS = _size("IDS", 10_000_000)
#: seconds of each load that latency is measured under
LATENCY_S = _size("LATENCY_S", 180)
#: seconds that a worker is throttled
BACKPRESSURE_S = _size("BACKPRESSURE_S", 300)
#: simulated hours, after a first one, over which memory is looked at
DAY_HOURS = _size("DAY_HOURS", 24)
#: minutes of points to InfluxDB
SINK_MINUTES = _size("SINK_MINUTES", 3)
#: scopes whose points are written each minute
SINK_SCOPES = _size("SINK_SCOPES", 5_000)
#: where the figures are written as JSON, besides the table
JSON_FILE = os.environ.get("PLANWATCH_BENCH_JSON", "bench.json")


def all_sizes() -> dict[str, int]:
    """Every size by its variable's name."""
    found = {name: value for name, value in globals().items() if name.isupper() and isinstance(value, int)}
    return {f"PLANWATCH_BENCH_{name}": value for name, value in found.items()}
