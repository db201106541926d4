"""Decides what a card says, in one language: what, where, how much, since when, why, who must do what.

It refuses to know how a channel lays it out: there is no markup here. Texts that came with events are
cleaned of control characters and cut; a channel still escapes what its own markup would read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from schemas.base import Language
from schemas.catalogue import Catalogue
from schemas.incident import Incident, Obligation
from schemas.kpi import Kpi
from schemas.period import HOUR_MS
from schemas.records import Card
from schemas.rule import Rule
from schemas.tier import Clock
from streams.decisions.departure import Departure
from streams.decisions.incident import Change, rank
from streams.decisions.wording import WINDOWS, clean, length, moment, scope_words, values_words

RESOLVED_COLOUR = "#2e9e44"
_NO_COLOUR = "#808080"
#: incidents inside this one that a card names
_WITHIN = 5

_DO: dict[Clock, tuple[str, str]] = {
    "acknowledge": ("acknowledge by {}", "{} 前确认"),
    "escalate": ("under control by {}, else the next level is told", "{} 前控制住，否则上报上一级"),
    "solve": ("solve by {}", "{} 前解决"),
    "report": ("root-cause report by {}", "{} 前提交根因报告"),
}
_MISSED: dict[Clock, tuple[str, str]] = {
    "acknowledge": ("nobody acknowledged it by {}", "截至 {} 无人确认"),
    "escalate": ("not under control by {}", "截至 {} 仍未得到控制"),
    "solve": ("not solved by {}", "截至 {} 仍未解决"),
    "report": ("no root-cause report by {}", "截至 {} 未提交根因报告"),
}


@dataclass(frozen=True, slots=True)
class View:
    """All that a card is made from: the incident as it stands at record time `now_ms`.

    `people` are the names of those who must act; `within` the open incidents inside it; `overdue` the
    deadline that was missed, where the card is about one.
    """

    catalogue: Catalogue
    incident: Incident
    change: Change
    now_ms: int
    people: Sequence[str] = ()
    within: Sequence[Incident] = field(default=())
    overdue: Obligation | None = None

    @property
    def rule(self) -> Rule | None:
        """The rule, if the catalogue still has it."""
        return self.catalogue.rules.get(self.incident.rule)

    @property
    def kpi(self) -> Kpi | None:
        """The KPI, if the catalogue still has it."""
        return self.catalogue.kpis.get(self.incident.last.kpi)

    @property
    def departure(self) -> Departure:
        """The figures of its newest transition."""
        digits = self.catalogue.installation.minor_digits
        return Departure(self.incident.last, self.rule, self.kpi, digits)

    @property
    def time_zone(self) -> str:
        """The business time zone."""
        return self.catalogue.installation.time_zone


def compose(view: View, language: Language) -> Card:
    """The card of an incident in one language."""
    zh = language == "zh"
    resolved = view.change is Change.RESOLVED
    tier = view.incident.shown_tier
    texts = ((label[zh], make(view, language)) for label, make in _LINES)
    return Card(
        title=_title(view, language),
        tier=tier,
        tier_title=("已恢复" if zh else "Resolved")
        if resolved
        else tier_title(view.catalogue, tier, language),
        colour=RESOLVED_COLOUR if resolved else _colour(view.catalogue, tier),
        lines=[(label, text) for label, text in texts if text],
        link=_link(view),
        link_title="打开看板" if zh else "Open the board",
    )


def plain_card(incident: Incident, language: Language) -> Card:
    """A card that needs nothing but the incident: sent when composing the real one failed."""
    zh = language == "zh"
    return Card(
        title=f"{incident.shown_tier}: {incident.rule}",
        tier=incident.shown_tier,
        tier_title=incident.shown_tier,
        colour=_NO_COLOUR,
        lines=[
            ("范围" if zh else "Where", clean(str(incident.scope)) if incident.scope else "-"),
            ("事件" if zh else "Incident", f"planwatch incidents show {incident.id}"),
        ],
        link="",
        link_title="",
    )


def tier_title(catalogue: Catalogue, tier: str, language: Language) -> str:
    """The tier's title in the catalogue, or its name where the ladder no longer has it."""
    return next((one.title.get(language) for one in catalogue.tiers if one.id == tier), tier)


def _colour(catalogue: Catalogue, tier: str) -> str:
    return next((one.colour for one in catalogue.tiers if one.id == tier), _NO_COLOUR)


def _name(view: View, language: Language) -> str:
    if view.rule is not None:
        return clean(view.rule.title.get(language))
    return clean(f"{view.incident.rule} {view.incident.subject}")


def _title(view: View, language: Language) -> str:
    tier = tier_title(view.catalogue, view.incident.shown_tier, language)
    zh = language == "zh"
    if view.change is Change.RESOLVED:
        head = "已恢复" if zh else "Resolved"
    elif view.overdue is not None:
        head = f"超时·{tier}" if zh else f"Overdue, {tier}"
    elif view.change is Change.EASED:
        head = f"降为{tier}" if zh else f"Eased to {tier}"
    else:
        head = tier
    where = values_words(view.incident.scope, view.catalogue, language)
    name = _name(view, language)
    if view.incident.subject:
        return f"【{head}】{name}" if zh else f"{head}: {name}"
    return f"【{head}】{name}：{where}" if zh else f"{head}: {name} — {where}"


def _missed(view: View, language: Language) -> str:
    if view.overdue is None:
        return ""
    when = moment(view.overdue.due_ms, view.time_zone, language, year=False)
    return _MISSED[view.overdue.clock][language == "zh"].format(when)


def _what(view: View, language: Language) -> str:
    if view.kpi is None:
        return clean(view.incident.text, 500) or _name(view, language)
    window = WINDOWS.get(view.incident.last.window, (view.incident.last.window,) * 2)[language == "zh"]
    name, kpi = _name(view, language), clean(view.kpi.title.get(language))
    return f"{name}（{kpi}，{window}）" if language == "zh" else f"{name} ({kpi}, {window})"


def _where(view: View, language: Language) -> str:
    if view.incident.subject:
        return clean(view.incident.subject)
    return scope_words(view.incident.scope, view.catalogue, language)


def _how_much(view: View, language: Language) -> str:
    return view.departure.text(language)


def _since(view: View, language: Language) -> str:
    incident = view.incident
    start = moment(incident.since_ms, view.time_zone, language)
    lasted_ms = incident.last.end_ms - incident.since_ms
    lasted = length(lasted_ms, language) if lasted_ms > 0 else ""
    if language == "zh":
        return f"{start}（{view.time_zone}）" + (f"，持续 {lasted}" if lasted else "")
    return f"{start} ({view.time_zone})" + (f", for {lasted}" if lasted else "")


def _drivers(view: View, language: Language) -> str:
    if view.change is Change.RESOLVED:
        return ""
    drivers = (
        view.departure.driver_text(driver, values_words(driver.scope, view.catalogue, language), language)
        for driver in view.incident.last.drivers
    )
    return ("；" if language == "zh" else "; ").join(drivers)


def _inside(view: View, language: Language) -> str:
    zh = language == "zh"
    gravest = sorted(view.within, key=lambda one: (-rank(view.catalogue, one.tier), one.key))
    named = [_named(view.catalogue, one, language) for one in gravest[:_WITHIN]]
    rest = len(gravest) - len(named)
    text = ("；" if zh else "; ").join(named)
    return text + ((f" 等共 {len(gravest)} 处" if zh else f" and {rest} more") if rest else "")


def _named(catalogue: Catalogue, incident: Incident, language: Language) -> str:
    where = values_words(incident.scope, catalogue, language)
    tier = tier_title(catalogue, incident.tier, language)
    return f"{where}（{tier}）" if language == "zh" else f"{where} ({tier})"


def _to_do(view: View, language: Language) -> str:
    zh = language == "zh"
    running = [one for one in view.incident.obligations if one.state == "running"]
    duties = [
        _DO[one.clock][zh].format(moment(one.due_ms, view.time_zone, language, year=False)) for one in running
    ]
    if not duties:
        return ""
    who = ("、" if zh else ", ").join(clean(name, 40) for name in view.people)
    text = ("；" if zh else "; ").join(duties)
    return (f"{who}：{text}" if zh else f"{who}: {text}") if who else text


def _decides(view: View, language: Language) -> str:
    if view.change is Change.RESOLVED:
        return ""
    tier = next((one for one in view.catalogue.tiers if one.id == view.incident.shown_tier), None)
    if tier is None:
        return ""
    meaning, decides = tier.meaning.get(language), tier.decides.get(language)
    return f"{meaning}；决策人：{decides}" if language == "zh" else f"{meaning}; decides: {decides}"


def _advice(view: View, language: Language) -> str:
    if view.rule is None or view.rule.advice is None or view.change is Change.RESOLVED:
        return ""
    return clean(view.rule.advice.get(language), 500)


def _how_to_acknowledge(view: View, language: Language) -> str:
    incident = view.incident
    if not incident.is_open:
        return incident.id
    if incident.acknowledged is not None and view.change is not Change.RAISED:
        by = clean(incident.acknowledged.by, 40)
        return (
            f"{incident.id}（{by} 已确认）" if language == "zh" else f"{incident.id} (acknowledged by {by})"
        )
    return f"{incident.id} → planwatch incidents ack {incident.id}"


def _link(view: View) -> str:
    url = view.catalogue.installation.board_url
    if not url:
        return ""
    incident = view.incident
    query = {"from": str(incident.since_ms - 6 * HOUR_MS), "to": str(incident.last.end_ms + HOUR_MS)}
    query |= {f"var-{name}": value for name, value in sorted(incident.scope.items())}
    pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
    return f"{url}{'&' if '?' in url else '?'}{pairs}"


#: the lines of a card in reading order: label (English, Chinese) and what is said; an empty one is left out
_LINES: tuple[tuple[tuple[str, str], Callable[[View, Language], str]], ...] = (
    (("Missed", "超时"), _missed),
    (("What", "事项"), _what),
    (("Where", "范围"), _where),
    (("How much", "数值"), _how_much),
    (("Since", "起始"), _since),
    (("Likely driver", "可能原因"), _drivers),
    (("Inside it", "包含"), _inside),
    (("To do", "待办"), _to_do),
    (("Tier", "级别"), _decides),
    (("Advice", "建议"), _advice),
    (("Incident", "事件"), _how_to_acknowledge),
)
