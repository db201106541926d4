"""The overview board of a catalogue: tiers now, every KPI now and in history, Planwatch's own health.

Decides what stands on it and in which order. Refuses to know how a panel is drawn (`sdk`) or asked (`texts`).
"""

from collections.abc import Iterator

from schemas.catalogue import Catalogue
from schemas.dimension import Dimension
from schemas.kpi import Kpi
from schemas.period import CALENDAR, ROLLING_MS
from schemas.tier import NONE
from streams.board import sdk
from streams.board.health import health_panels
from streams.board.texts import flux_kpi, flux_transitions, promql_kpi, promql_tiers

UID = "planwatch-overview"
COMPANY = "company"
_VALUE, _EXPECTED = "planwatch_kpi_value", "planwatch_kpi_expected"
_HIDDEN = ("Time", "Value", "__name__", "instance", "job", "stage")


def overview(catalogue: Catalogue) -> str:
    """The board's JSON; equal catalogues give equal text."""
    title = f"Planwatch · {catalogue.installation.title.en} · {catalogue.installation.title.zh}"
    board = sdk.blank(UID, title, catalogue.installation.time_zone)
    for variable in _variables(catalogue):
        board = board.with_variable(variable)
    for panel in _tier_panels(catalogue):
        board = board.with_panel(panel)
    board = board.with_row(sdk.opened("KPIs now · 当前指标"))
    for kpi in catalogue.kpis.values():
        board = board.with_panel(_now(catalogue, kpi))
    history = [_history(catalogue, kpi) for kpi in catalogue.kpis.values()]
    board = board.with_row(sdk.folded("History · 历史", [_transitions(catalogue), *history]))
    return sdk.to_text(board.with_row(sdk.folded("Planwatch itself · 系统自身", list(health_panels()))))


def levels(catalogue: Catalogue) -> list[str]:
    """Every level at which some KPI is written, coarse to fine: the dimensions joined by `+`."""
    scopes = [scope for kpi in catalogue.kpis.values() for scope in kpi.scopes]
    scopes += [scope for rule in catalogue.rules.values() for scope in rule.scopes]
    order = catalogue.dimension_names
    found = {tuple(sorted(scope, key=order.index)) for scope in scopes}
    ranked = sorted(found, key=lambda scope: (len(scope), [order.index(name) for name in scope]))
    return ["+".join(scope) or COMPANY for scope in ranked]


def windows(catalogue: Catalogue) -> list[str]:
    """Every window that some KPI is written over, short to long."""
    known = [*ROLLING_MS, *CALENDAR]
    used = {window for kpi in catalogue.kpis.values() for window in kpi.windows}
    used |= {rule.window for rule in catalogue.rules.values()}
    return [window for window in known if window in used]


def _variables(catalogue: Catalogue) -> Iterator[sdk.Variable]:
    spans, heights = windows(catalogue), levels(catalogue)
    yield sdk.choice("window", "Window · 窗口", spans, "24h" if "24h" in spans else spans[0])
    yield sdk.choice("level", "Level · 层级", heights, COMPANY if COMPANY in heights else heights[0])
    for dimension in catalogue.dimensions:
        yield sdk.label_choice(dimension.id, _both(dimension), _VALUE)


def _tier_panels(catalogue: Catalogue) -> Iterator[sdk.Panel]:
    names = {"0": (NONE, "#56a64b")}
    for rank, tier in enumerate(catalogue.tiers, 1):
        names[str(rank)] = (f"{tier.title.en} · {tier.title.zh}", tier.colour)
    mapping, dims = [sdk.value_names(names)], catalogue.dimension_names
    worst = sdk.promql("A", "max(planwatch_tier)")
    yield sdk.number(sdk.Frame("worst", "Gravest tier · 最高级别", width=4), worst, mapping)
    incidents = sdk.promql("A", "sum by (tier) (planwatch_incidents_open)", "{{tier}}")
    yield sdk.number(sdk.Frame("incidents", "Open incidents · 未结事件", width=8), incidents)
    above = sdk.promql("A", promql_tiers(dims), instant=True)
    frame = sdk.Frame("tiers", "Above none now · 当前预警", width=12)
    yield sdk.rows(frame, above, sdk.PROMETHEUS, _HIDDEN)
    legend = " ".join(["{{rule}}", *(f"{{{{{name}}}}}" for name in dims)])
    course = sdk.promql("A", promql_tiers(dims), legend)
    yield sdk.states(
        sdk.Frame("course", "Course of the tiers · 级别走势", width=24, height=8), course, mapping
    )


def _now(catalogue: Catalogue, kpi: Kpi) -> sdk.Panel:
    dims = catalogue.dimension_names
    legend = _legend(catalogue)
    targets = [sdk.promql("A", promql_kpi(_VALUE, kpi.id, dims), legend)]
    if _expected(catalogue, kpi):
        targets.append(sdk.promql("B", promql_kpi(_EXPECTED, kpi.id, dims), f"expected {legend}"))
    return sdk.curves(_frame(catalogue, kpi, "now"), targets, sdk.PROMETHEUS)


def _history(catalogue: Catalogue, kpi: Kpi) -> sdk.Panel:
    fields = ["value", "expected"] if _expected(catalogue, kpi) else ["value"]
    target = sdk.Flux("A", flux_kpi(kpi.id, fields, catalogue.dimension_names))
    return sdk.curves(_frame(catalogue, kpi, "history"), [target], sdk.INFLUXDB)


def _transitions(catalogue: Catalogue) -> sdk.Panel:
    target = sdk.Flux("A", flux_transitions(catalogue.dimension_names))
    frame = sdk.Frame("transitions", "Transitions · 级别变化", width=24, height=10)
    return sdk.rows(frame, target, sdk.INFLUXDB, ())


def _expected(catalogue: Catalogue, kpi: Kpi) -> bool:
    """Whether some rule compares the KPI with an expectation (`value` looks at the value alone)."""
    return any(rule.kpi == kpi.id and rule.compare != "value" for rule in catalogue.rules.values())


def _frame(catalogue: Catalogue, kpi: Kpi, part: str) -> sdk.Frame:
    text = f"{kpi.note.en}\n\n{kpi.note.zh}" if kpi.note else ""
    return sdk.Frame(
        key=f"{part}:{kpi.id}",
        title=f"{kpi.title.en} · {kpi.title.zh}",
        unit=grafana_unit(kpi.unit, catalogue.installation.currency),
        digits=kpi.digits,
        text=text,
    )


def grafana_unit(unit: str, currency: str) -> str:
    """Grafana's id of a KPI's unit.

    >>> [grafana_unit(unit, "CNY") for unit in ("ratio", "seconds", "CNY", "orders")]
    ['percentunit', 's', 'currencyCNY', 'short']
    """
    return {"ratio": "percentunit", "seconds": "s", currency: f"currency{currency}"}.get(unit, "short")


def _legend(catalogue: Catalogue) -> str:
    return " ".join(["{{level}}", *(f"{{{{{name}}}}}" for name in catalogue.dimension_names)])


def _both(dimension: Dimension) -> str:
    return f"{dimension.title.en} · {dimension.title.zh}"
