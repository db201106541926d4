"""The queries of the board, in PromQL and Flux: one function a question, over names that the exporters write.

Flux runs on InfluxDB 1.8 and 2.x alike; `v.…` and `$…` are filled in by Grafana.
"""

from collections.abc import Sequence


def promql_kpi(family: str, kpi: str, dimensions: Sequence[str]) -> str:
    """One family (`planwatch_kpi_value` or `…_expected`) of a KPI at the window, level and values chosen.

    >>> promql_kpi("planwatch_kpi_value", "revenue", ["region"])
    'planwatch_kpi_value{kpi="revenue",window="$window",level="$level",region=~"$region"}'
    """
    chosen = ['window="$window"', 'level="$level"', *_matchers(dimensions)]
    return f'{family}{{kpi="{kpi}",{",".join(chosen)}}}'


def promql_tiers(dimensions: Sequence[str]) -> str:
    """Every rule and scope above none."""
    return f"planwatch_tier{{{','.join(_matchers(dimensions))}}} > 0"


def flux_kpi(kpi: str, fields: Sequence[str], dimensions: Sequence[str]) -> str:
    """The last value in each interval of a KPI's points at the window, level and values chosen."""
    wanted = " or ".join(f'r._field == "{field}"' for field in fields)
    chosen = [
        f'r._measurement == "kpi" and r.kpi == "{kpi}"',
        'r.window == "${window}" and r.level == "${level}"',
        f"({wanted})",
        *(f"(not exists r.{name} or r.{name} =~ /^(${{{name}:regex}})$/)" for name in dimensions),
    ]
    columns = ", ".join(f'"{name}"' for name in ("_time", "_value", "_field", *dimensions))
    return "\n".join(
        [
            "from(bucket: v.defaultBucket)",
            "  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)",
            *(f"  |> filter(fn: (r) => {condition})" for condition in chosen),
            "  |> aggregateWindow(every: v.windowPeriod, fn: last, createEmpty: false)",
            f"  |> keep(columns: [{columns}])",
        ]
    )


def flux_transitions(dimensions: Sequence[str]) -> str:
    """Every rung passed, newest last, as one table."""
    columns = ", ".join(f'"{name}"' for name in ("_time", "_value", "rule", "level", *dimensions))
    return "\n".join(
        [
            "from(bucket: v.defaultBucket)",
            "  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)",
            '  |> filter(fn: (r) => r._measurement == "tier" and r._field == "tier")',
            f"  |> keep(columns: [{columns}])",
            "  |> group()",
            '  |> sort(columns: ["_time"])',
        ]
    )


def _matchers(dimensions: Sequence[str]) -> list[str]:
    return [f'{name}=~"${name}"' for name in dimensions]
