"""What tests of stage three are made from: a small catalogue, transitions, an inbox written by hand."""

from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from schemas.base import Language, Scope, Text
from schemas.catalogue import Catalogue, Installation
from schemas.dimension import Dimension
from schemas.kpi import Kpi
from schemas.period import HOUR_MS, MINUTE_MS
from schemas.records import Card, CatalogueRecord, Driver, Notice, Transition
from schemas.route import Channel, Person, Route
from schemas.rule import Rule
from schemas.tier import Tier
from streams.engine.respond import Response

#: Sunday 22 November 2026, 10:00 in Shanghai
T0 = 1_795_312_800_000
MINUTE, HOUR = MINUTE_MS, HOUR_MS
LADDER = ("none", "blue", "yellow", "orange", "red")


def text(en: str, zh: str) -> Text:
    return Text(en=en, zh=zh)


def tiers() -> list[Tier]:
    def tier(name: str, zh: str, colour: str, **clocks: str) -> Tier:
        return Tier.model_validate(
            {
                "id": name,
                "title": text(name.capitalize(), zh),
                "colour": colour,
                "meaning": text(f"{name} meaning", f"{zh}含义"),
                "decides": text("department head", "部门负责人"),
                **clocks,
            }
        )

    return [
        tier("blue", "蓝色", "#3274d9"),
        tier("yellow", "黄色", "#e0b400", acknowledge="8wh", escalate="24h", solve="72h"),
        tier("orange", "橙色", "#ff780a", acknowledge="2h", escalate="8h", solve="48h", report="72h"),
        tier("red", "红色", "#e02f44", acknowledge="30m", escalate="2h", solve="24h", report="48h"),
    ]


def rule(**changes: Any) -> Rule:
    return Rule.model_validate(
        {
            "id": "revenue_down",
            "title": text("Revenue down on last week", "销售额低于上周"),
            "kpi": "revenue",
            "window": "1h",
            "expect": {"from": "previous", "ago": "7d"},
            "bad": "below",
            "scopes": [[], ["region"], ["region", "product_line"]],
            "ladder": {"yellow": {"enter": 0.95, "exit": 0.97, "hold": "0m"}},
            "tests": [{"name": "steady", "given": {}, "expect": []}],
            **changes,
        }
    )


def catalogue(**changes: Any) -> Catalogue:
    """People of three levels for the company, one for the East; all tiers but blue reach Li by mail."""
    people = [
        Person(
            id="li", name="Li Wei", level=1, language="zh", contacts={"mail": "li@example.com", "robot": "li"}
        ),
        Person(id="zhang", name="Zhang Min", level=2, language="en", contacts={"mail": "zhang@example.com"}),
        Person(id="wang", name="Wang Fang", level=3, language="zh", contacts={"mail": "wang@example.com"}),
        Person(
            id="east",
            name="East Manager",
            level=1,
            scope={"region": "East"},
            contacts={"mail": "e@example.com"},
        ),
    ]
    parts: dict[str, Any] = {
        "installation": Installation(
            title=text("Acme", "示例公司"), currency="CNY", time_zone="Asia/Shanghai", live=True
        ),
        "dimensions": [
            Dimension(id="region", title=text("Region", "大区")),
            Dimension(id="product_line", title=text("Product line", "产品线")),
            Dimension(id="channel", title=text("Channel", "渠道")),
        ],
        "tiers": tiers(),
        "kpis": {
            "revenue": Kpi.model_validate(
                {
                    "id": "revenue",
                    "title": text("Net revenue", "净销售额"),
                    "unit": "CNY",
                    "better": "higher",
                    "measures": {"gross": {"event": "order", "sum": "amount"}},
                    "value": "gross",
                }
            )
        },
        "rules": {"revenue_down": rule()},
        "people": {person.id: person for person in people},
        "channels": {
            "mail": Channel(id="mail", kind="email"),
            "robot": Channel(id="robot", kind="wecom"),
        },
        "routes": [Route(id="duty", tiers=["yellow", "orange", "red"], people=["li"], channels=["mail"])],
    }
    return Catalogue.model_validate({**parts, **changes})


def installation(**changes: Any) -> Installation:
    return catalogue().installation.model_copy(update=changes)


def transition(
    tier: str, previous: str, *, end_ms: int = T0, scope: Scope | None = None, **changes: Any
) -> Transition:
    """A change of tier of the rule `revenue_down`, 25 minutes after the trouble began."""
    ups = LADDER.index(tier) > LADDER.index(previous)
    return Transition.model_validate(
        {
            "rule": "revenue_down",
            "scope": scope or {},
            "tier": tier,
            "previous": previous,
            "cause": "worse" if ups else "better",
            "end_ms": end_ms,
            "kpi": "revenue",
            "window": "1h",
            "value": 412_300.0,
            "expected": 486_100.0,
            "departure": 0.848,
            "threshold": 0.9,
            "since_ms": end_ms - 25 * MINUTE,
            "catalogue": "c",
            **changes,
        }
    )


def climb(tier: str, *, end_ms: int = T0, scope: Scope | None = None) -> list[Transition]:
    """One transition per rung from none up to the tier, at one pane end."""
    names = LADDER[: LADDER.index(tier) + 1]
    return [
        transition(after, before, end_ms=end_ms, scope=scope, seq=seq)
        for seq, (before, after) in enumerate(pairwise(names))
    ]


def fall(tier: str, *, end_ms: int, scope: Scope | None = None) -> list[Transition]:
    """One transition per rung from the tier down to none, at one pane end."""
    names = LADDER[: LADDER.index(tier) + 1][::-1]
    return [
        transition(after, before, end_ms=end_ms, scope=scope, seq=seq)
        for seq, (before, after) in enumerate(pairwise(names))
    ]


class Inbox:
    """A Response that is fed by hand; a catalogue comes first unless none is wanted."""

    def __init__(self, chosen: Catalogue | None = None, *, bare: bool = False, outbox: int = 10_000) -> None:
        self.response = Response("owner", outbox=outbox)
        self.log: list[tuple[int, bytes]] = []
        self.now_ms = T0
        if not bare:
            self.add(CatalogueRecord(catalogue=chosen or catalogue()))

    def add(self, *records: BaseModel, at_ms: int | None = None) -> "Inbox":
        """Append records, all at this record time."""
        self.now_ms = self.now_ms if at_ms is None else at_ms
        for record in records:
            value = record.model_dump_json(by_alias=True).encode()
            self.log.append((self.now_ms, value))
            self.response.fold(len(self.log) - 1, self.now_ms, value)
        return self

    def notices(self) -> list[Notice]:
        """What may be sent after a commit that is confirmed."""
        self.response.commit()
        self.response.confirmed()
        return self.response.take()

    def told(self) -> list[tuple[str, str, str]]:
        """(person, about, tier) of those."""
        return [(one.person, one.about, one.tier) for one in self.notices()]

    def count(self, reason: str) -> int:
        """How often the reason was given."""
        return self.response.counts.get(reason, 0)


def card(language: Language = "en", **changes: Any) -> Card:
    """A card as the decisions make it."""
    zh = language == "zh"
    lines = [("范围" if zh else "Where", "大区 East" if zh else "Region East")]
    parts: dict[str, Any] = {
        "title": "【红色】销售额低于上周：East" if zh else "Red: Revenue down on last week — East",
        "tier": "red",
        "tier_title": "红色" if zh else "Red",
        "colour": "#e02f44",
        "lines": lines,
        "link": "http://127.0.0.1:3000/d/planwatch-overview?var-region=East",
        "link_title": "打开看板" if zh else "Open the board",
    }
    return Card.model_validate({**parts, **changes})


def notice(name: str = "n1", **changes: Any) -> Notice:
    """A notice as it reaches a channel."""
    parts: dict[str, Any] = {
        "id": name,
        "key": "revenue-down-1",
        "incident": "revenue-down-1",
        "channel": "robot",
        "person": "li",
        "address": "li",
        "language": "en",
        "tier": "red",
        "about": "transition",
        "facts": card(),
    }
    return Notice.model_validate({**parts, **changes})


def full_notice(language: Language, **changes: Any) -> Notice:
    """The notice of an incident with everything on it: drivers, clocks, what is inside it."""
    people = {name: one.model_copy(update={"language": language}) for name, one in catalogue().people.items()}
    inbox = Inbox(catalogue(people=people))
    drivers = [
        Driver(
            scope={"region": "East", "channel": "store", "product_line": "accessories"},
            value=100_000,
            expected=117_647,
            change=-0.15,
            share=0.75,
        ),
        Driver(
            scope={"region": "East", "channel": "web", "product_line": "bikes"},
            value=0,
            expected=None,
            change=None,
            share=0.2,
        ),
    ]
    inbox.add(*climb("orange", scope={"region": "East", "product_line": "bikes"}))
    inbox.notices()
    up = climb("red", end_ms=T0 + MINUTE, scope={"region": "East"})
    inbox.add(*[one.model_copy(update={"drivers": drivers}) for one in up], at_ms=T0 + MINUTE + 800)
    return inbox.notices()[-1].model_copy(update=changes)
