"""The live view of the demonstration, drawn with rich: KPIs with curves, tiers, and what was said to whom."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text as Rich

from schemas.base import scope_text
from schemas.catalogue import Catalogue
from streams.demo.story import Story

_BARS = "▁▂▃▄▅▆▇█"
#: (kpi, window, scope) in the order shown
SHOWN = (
    ("revenue", "1h", ""),
    ("revenue", "1h", "region=East"),
    ("orders", "1h", ""),
    ("bad_review_ratio", "1h", ""),
    ("mean_sentiment", "1h", ""),
)
_LOG_LINES = 14


def sparkline(values: Sequence[float]) -> str:
    """A curve of block characters, lowest to highest.

    >>> sparkline([1, 2, 3, 8])
    '▁▂▃█'
    """
    if not values:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1))] for value in values)


def draw(story: Story, catalogue: Catalogue, zone: tzinfo, addresses: Sequence[str]) -> RenderableType:
    """The whole picture as it stands."""
    at = datetime.fromtimestamp((story.frontier_ms or 0) / 1000, UTC).astimezone(zone)
    when = f"{at:%a %d %b %H:%M}" if story.frontier_ms else "…"
    header = Rich.assemble(
        ("planwatch demo ", "bold"), f"event time {when}   notices {story.notices}   Ctrl-C ends"
    )
    footer = Rich("  ".join(addresses), style="dim")
    return Group(header, _figures(story, catalogue), _tiers(story, catalogue, zone), _log(story), footer)


def _figures(story: Story, catalogue: Catalogue) -> RenderableType:
    table = Table(expand=True, box=None, padding=(0, 1))
    for name in ("KPI", "scope", "window", "now", "curve"):
        table.add_column(name, justify="right" if name == "now" else "left", no_wrap=True)
    for key in SHOWN:
        kpi = catalogue.kpis.get(key[0])
        curve = story.curves.get(key)
        if kpi is None or not curve:
            continue
        title = kpi.title.get(catalogue.installation.language)
        now = f"{curve[-1]:.1%}" if kpi.unit == "ratio" else f"{curve[-1]:,.2f}".removesuffix(".00")
        table.add_row(
            title,
            key[2] or "company",
            key[1],
            f"{now} {'' if kpi.unit == 'ratio' else kpi.unit}",
            sparkline(curve),
        )
    return Panel(table, title="KPIs", border_style="dim")


def _tiers(story: Story, catalogue: Catalogue, zone: tzinfo) -> RenderableType:
    table = Table(expand=True, box=None, padding=(0, 1), show_header=False)
    colours = {tier.id: tier.colour for tier in catalogue.tiers}
    for transition in story.open_tiers()[:6]:
        since = datetime.fromtimestamp(transition.since_ms / 1000, UTC).astimezone(zone)
        title = catalogue.rules[transition.rule].title.get(catalogue.installation.language)
        table.add_row(
            Rich(f" {transition.tier} ", style=f"bold white on {colours[transition.tier]}"),
            title,
            scope_text(transition.scope) or "company",
            f"since {since:%H:%M}",
        )
    return Panel(
        table if table.row_count else Rich("all quiet", style="dim"), title="Tiers", border_style="dim"
    )


def _log(story: Story) -> RenderableType:
    styles = {"transition": "bold", "notice": ""}
    lines = [Rich(text, style=styles[kind], no_wrap=True, overflow="ellipsis") for kind, text in story.lines]
    return Panel(Group(*lines[-_LOG_LINES:]), title="Transitions and notices", border_style="dim")
