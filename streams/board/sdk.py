"""Grafana's SDK in our words: panels, variables, rows. The only importer of grafana-foundation-sdk.

Decides how things look. Refuses to know KPIs or queries.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from zlib import crc32

with warnings.catch_warnings():
    # The classic form of a dashboard is the one that Grafana provisions from files, in every version.
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    from grafana_foundation_sdk.builders import (
        common,
        dashboard,
        prometheus,
        stat,
        statetimeline,
        table,
        timeseries,
    )
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import common as looks
    from grafana_foundation_sdk.models import dashboard as model
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS = model.DataSourceRef(type_val="prometheus", uid="planwatch-prometheus")
INFLUXDB = model.DataSourceRef(type_val="influxdb", uid="planwatch-influxdb")
ALL = ".*"

Panel = timeseries.Panel | stat.Panel | table.Panel | statetimeline.Panel
Variable = dashboard.CustomVariable | dashboard.QueryVariable
P = TypeVar("P", timeseries.Panel, stat.Panel, table.Panel, statetimeline.Panel)


class FluxQuery(Dataquery):
    """A Flux query as Grafana's InfluxDB data source stores it (the SDK has none)."""

    def __init__(self, ref_id: str, text: str) -> None:
        self.ref_id = ref_id
        self.text = text

    def to_json(self) -> dict[str, object]:
        """The target in a panel."""
        return {"refId": self.ref_id, "datasource": INFLUXDB, "query": self.text}


class Flux(Builder[Dataquery]):
    """Builds a `FluxQuery`."""

    def __init__(self, ref_id: str, text: str) -> None:
        self._query = FluxQuery(ref_id, text)

    def build(self) -> Dataquery:
        """The query."""
        return self._query


def promql(ref_id: str, text: str, legend: str = "", *, instant: bool = False) -> prometheus.Dataquery:
    """A PromQL query; `instant` for tables and single numbers."""
    query = prometheus.Dataquery().ref_id(ref_id).datasource(PROMETHEUS).expr(text)
    query = query.legend_format(legend) if legend else query
    return query.instant().format(PromQueryFormat.TABLE) if instant else query.range()


class Frame(NamedTuple):
    """What every panel has: its own name, title, unit, decimals, size in the grid."""

    key: str
    title: str
    unit: str = "short"
    digits: int | None = None
    width: int = 6
    height: int = 7
    text: str = ""

    @property
    def id(self) -> int:
        """A number that stays the same when panels are added, so that links to it go on working."""
        return crc32(self.key.encode()) & 0x7FFFFFFF


def framed(panel: P, frame: Frame) -> P:
    """The panel with its frame."""
    panel = panel.id(frame.id).title(frame.title).unit(frame.unit).span(frame.width).height(frame.height)
    panel = panel.description(frame.text) if frame.text else panel
    return panel.decimals(frame.digits) if frame.digits is not None else panel


def curves(
    frame: Frame, targets: Sequence[Builder[Dataquery]], source: model.DataSourceRef
) -> timeseries.Panel:
    """Lines over time; the field or query named expected is dashed."""
    legend = common.VizLegendOptions().display_mode(looks.LegendDisplayMode.LIST)
    panel = framed(timeseries.Panel(), frame).datasource(source).line_width(1.5).fill_opacity(6)
    panel = panel.show_points(looks.VisibilityMode.NEVER).span_nulls(True)
    panel = panel.legend(legend.placement(looks.LegendPlacement.BOTTOM).show_legend(True))
    dashed = [
        model.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [6, 6]}),
        model.DynamicConfigValue("custom.fillOpacity", 0),
    ]
    panel = panel.override_by_regexp("/^expected/", dashed)
    for target in targets:
        panel = panel.with_target(target)
    return panel


def number(frame: Frame, target: Builder[Dataquery], mappings: Sequence[model.ValueMap] = ()) -> stat.Panel:
    """One number now, or one a series."""
    panel = framed(stat.Panel(), frame).datasource(PROMETHEUS).with_target(target).no_value("0")
    return panel.mappings(list(mappings)) if mappings else panel


def rows(
    frame: Frame, target: Builder[Dataquery], source: model.DataSourceRef, hidden: Sequence[str]
) -> table.Panel:
    """A table of what the query gives, without these columns."""
    panel = framed(table.Panel(), frame).datasource(source).with_target(target)
    exclude = dict.fromkeys(hidden, True)
    return panel.with_transformation(
        model.DataTransformerConfig("organize", options={"excludeByName": exclude})
    )


def states(
    frame: Frame, target: Builder[Dataquery], mappings: Sequence[model.ValueMap]
) -> statetimeline.Panel:
    """A bar a series, coloured by its value."""
    panel = framed(statetimeline.Panel(), frame).datasource(PROMETHEUS).with_target(target)
    return panel.mappings(list(mappings)).merge_values(True).show_value(looks.VisibilityMode.NEVER)


def value_names(names: Mapping[str, tuple[str, str]]) -> model.ValueMap:
    """Value → (text, colour), for states."""
    results = enumerate(names.items())
    return model.ValueMap(
        {value: model.ValueMappingResult(text, colour, None, at) for at, (value, (text, colour)) in results}
    )


def choice(name: str, label: str, values: Sequence[str], chosen: str) -> dashboard.CustomVariable:
    """A variable with fixed values."""
    options = [model.VariableOption(value == chosen, value, value) for value in values]
    variable = dashboard.CustomVariable(name).label(label).values(",".join(values)).options(options)
    return variable.current(model.VariableOption(True, chosen, chosen))


def label_choice(name: str, label: str, metric: str) -> dashboard.QueryVariable:
    """A variable with the values a label has; several or all of them."""
    query: dict[str, object] = {"query": f"label_values({metric}, {name})", "refId": name}
    variable = dashboard.QueryVariable(name).label(label).datasource(PROMETHEUS).query(query)
    variable = variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).multi(True).include_all(True)
    everything = model.VariableOption(True, ["All"], ["$__all"])
    return variable.all_value(ALL).sort(model.VariableSort.ALPHABETICAL_ASC).current(everything)


def blank(uid: str, title: str, time_zone: str) -> dashboard.Dashboard:
    """A board without panels, that is drawn again every ten seconds and shows the last six hours."""
    board = dashboard.Dashboard(title).uid(uid).tags(["planwatch"]).readonly()
    return board.refresh("10s").time("now-6h", "now").timezone(time_zone)


def folded(title: str, panels: Sequence[Panel]) -> dashboard.Row:
    """A row that is closed until it is clicked: its queries run only then."""
    row = dashboard.Row(title).collapsed(True).id(crc32(title.encode()) & 0x7FFFFFFF)
    for panel in panels:
        row = row.with_panel(panel)
    return row


def opened(title: str) -> dashboard.Row:
    """A row that only heads what follows."""
    return dashboard.Row(title).id(crc32(title.encode()) & 0x7FFFFFFF)


def to_text(board: dashboard.Dashboard) -> str:
    """The board as JSON, the same bytes for the same board."""
    encoded: Any = json.loads(json.dumps(board.build(), cls=JSONEncoder))
    return json.dumps(encoded, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
