"""The queries that a board's JSON holds, with Grafana's variables filled in: what tests run."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Query(NamedTuple):
    """One query of one panel; `datasource` is `prometheus` or `influxdb`."""

    panel: str
    datasource: str
    text: str


#: what Grafana itself fills in: the whole of what is stored, in steps of an hour
GRAFANA = {
    "v.defaultBucket": '"planwatch"',
    "v.timeRangeStart": "1970-01-01T00:00:00Z",
    "v.timeRangeStop": "now()",
    "v.windowPeriod": "1h",
}


def queries(board_json: str, values: Mapping[str, str] | None = None) -> list[Query]:
    """Every query of the board, with variables as they stand, unless `values` says otherwise.

    `values` may hold variables (`window`, `region`…) and Grafana's own (`v.defaultBucket`, in quotes).
    """
    board = json.loads(board_json)
    chosen = {**GRAFANA, **_current(board), **(values or {})}
    return [
        Query(
            panel["title"], target["datasource"]["type"], fill(target.get("expr") or target["query"], chosen)
        )
        for panel in _panels(board)
        for target in panel.get("targets", [])
    ]


def fill(text: str, values: Mapping[str, str]) -> str:
    """A query with `$name`, `${name}`, `${name:format}` and `v.name` replaced by their values.

    >>> fill('a{w="$window",r=~"${region:regex}"}', {"window": "1h", "region": ".*"})
    'a{w="1h",r=~".*"}'
    """
    text = re.sub(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)", lambda found: values[found[1] or found[2]], text)
    return re.sub(r"\bv\.\w+", lambda found: values.get(found[0], found[0]), text)


def _current(board: Mapping[str, Any]) -> dict[str, str]:
    """The variables as the board is saved: All is the pattern that matches everything."""
    current = {}
    for variable in board["templating"]["list"]:
        value = variable["current"]["value"]
        first = value[0] if isinstance(value, list) else value
        current[variable["name"]] = variable.get("allValue", ".*") if first == "$__all" else first
    return current


def _panels(board: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", [])
