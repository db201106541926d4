"""The records behind a figure: which belong to a window and scope, and what they come to."""

from typing import Any

import pytest

from schemas.errors import InputError
from schemas.kpi import Kpi, Measure
from schemas.records import Ledger
from streams.cli._drill import (
    Answer,
    NoShelf,
    as_lines,
    as_records,
    as_rows,
    end_of,
    kpi_of,
    moment_from,
    scope_from,
    window_of,
    worded,
)
from streams.engine.recount.drill import Asked, Drill, Sum, natural_fields
from streams.engine.recount.source import Recount
from streams.engine.recount.written import Written
from streams.windows.spans import spec_of
from tests.measure_builders import START_MS, TOPIC, Record, catalogue, order, record, text

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BOOK = catalogue()
END = START_MS + HOUR


def kpi(value: str = "gross / lines", unit: str = "CNY", **measures: Measure) -> Kpi:
    known = {
        "gross": Measure(event="order", sum="amount"),
        "lines": Measure(event="order", count=True),
        "slow": Measure(event="order", max="delay", where={"line": 2}),
    }
    return Kpi(id="k", title=text("K"), unit=unit, better="higher", measures=measures or known, value=value)


def drilled(
    log: list[Record], window: str = "1h", most: int = 50, about: Kpi | None = None, **scope: str
) -> Drill:
    asked = Asked(about, spec_of(window), END, scope)
    drill, recount = Drill(BOOK, asked, most), Recount(TOPIC, BOOK)
    for one, event in recount.read(log):
        drill.take((TOPIC, 0), one, event, recount.step(one, event))
    return drill


def at(offset: int, ms: int, **fields: Any) -> Record:
    return record(offset, order(f"e{offset}", ms, **fields), max(ms, START_MS))


def offsets(drill: Drill) -> list[int]:
    return [found.offset for found in drill.newest()]


def test_window_holds_its_start_and_not_its_end() -> None:
    # |START ---- one hour ---- END|
    log = [at(0, START_MS - 1), at(1, START_MS), at(2, END - 1), at(3, END)]
    assert offsets(drilled(log)) == [2, 1]


def test_late_event_belongs_to_windows_of_its_grain_once_it_was_known() -> None:
    newest, late = at(0, END - 1), record(1, order("late", START_MS - 3 * HOUR), END)
    known_later = record(3, order("later", START_MS + MINUTE), END + HOUR)
    log = [newest, late, at(2, END + HOUR), known_later]
    assert offsets(drilled(log, "1h")) == [0]
    assert offsets(drilled(log, "24h")) == [0, 1]
    assert [found.is_late for found in drilled(log, "24h").newest()] == [False, True]
    assert offsets(drilled(log, "day")) == [0, 1]


def test_only_what_counts_belongs_to_a_figure() -> None:
    log = [at(0, START_MS), record(1, order("e0", START_MS)), record(2, b"{", START_MS), record(3, None)]
    drill = drilled(log)
    assert (drill.count, offsets(drill)) == (1, [0])


def test_scope_is_where_an_event_counts() -> None:
    log = [
        at(at_, START_MS + at_, dimensions={"region": name})
        for at_, name in enumerate(["East", "West", None])
    ]
    assert offsets(drilled(log, region="East")) == [0]
    assert offsets(drilled(log, region="unknown")) == [2]
    assert offsets(drilled(log, region="East", channel="web")) == []


def test_values_that_evaluate_does_not_keep_apart_are_other() -> None:
    asked = Asked(None, spec_of("1h"), END, {"region": "other"})
    drill, recount = Drill(BOOK, asked, 9, {"region": {"East"}}), Recount(TOPIC, BOOK)
    names = ["East", "West", "unknown", "other"]
    log = [at(at_, START_MS + at_, dimensions={"region": name}) for at_, name in enumerate(names)]
    for one, event in recount.read(log):
        drill.take((TOPIC, 0), one, event, recount.step(one, event))
    assert sorted(offsets(drill)) == [1, 3]


def test_newest_are_shown_and_all_are_added_up() -> None:
    log = [at(at_, START_MS + at_ * MINUTE, amount="10.50", line=1 + at_ % 2) for at_ in range(10)]
    drill = drilled(log, most=3, about=kpi())
    assert offsets(drill) == [9, 8, 7]
    assert drill.count == 10
    assert {one.name: one.stored for one in drill.sums()} == {"gross": 10_500, "lines": 10, "slow": 0}
    assert drill.value() == 10.5
    assert offsets(drilled(log, most=0)) == []
    assert drilled(log, most=0).count == 10


def test_kpi_takes_only_events_that_one_of_its_measures_counts() -> None:
    first = kpi("orders", "orders", orders=Measure(event="order", count=True, where={"line": 1}))
    drill = drilled([at(0, START_MS), at(1, START_MS, line=2)], about=first)
    assert (offsets(drill), drill.value()) == ([0], 1.0)
    refunds = kpi("back", back=Measure(event="refund", sum="amount"))
    nothing = drilled([at(0, START_MS)], about=refunds)
    assert (nothing.count, nothing.kinds) == (0, {"refund"})


def test_no_value_is_no_number() -> None:
    assert drilled([], about=kpi()).value() is None
    assert drilled([]).value() is None
    slowest = drilled([], about=kpi("slow", "seconds"))
    assert slowest.value() is None
    assert drilled([]).sums() == []


def answer(drill: Drill, about: Kpi | None = None, **scope: str) -> Answer:
    return Answer(BOOK, Asked(about, spec_of("1h"), END, scope), drill)


def test_hostile_text_is_cleaned_in_lines_and_escaped_for_programs() -> None:
    hostile = order("e\x1b[31m\u202e1", START_MS, dimensions={"region": "Ea\u202est"})
    drill = drilled([record(0, hostile)], about=kpi())
    [row] = as_rows(answer(drill))
    assert row == (
        "2026-03-02 08:00:00",
        "order",
        "Ea st, unknown",
        "order_id o, line 1, amount ¥10.00, quantity 1",
        "e [31m 1",
        f"{TOPIC}/0/0",
    )
    found, summary = as_records(answer(drill, kpi()))
    assert found["event_id"] == "e\x1b[31m\u202e1"
    assert found["fields"]["amount"] == "10.00"
    assert found["occurred_at"] == "2026-03-02 08:00:00.000+08:00"
    assert (summary["records"], summary["value"], summary["sums"]["slow"]) == (1, 10.0, None)


def test_late_record_says_so() -> None:
    drill = drilled([at(0, END - 1), record(1, order("late", START_MS - 3 * HOUR), END)], "24h")
    assert [row[0] for row in as_rows(answer(drill))] == ["2026-03-02 08:59:59", "2026-03-02 05:00:00 (late)"]


def test_sums_and_value_are_worded_with_their_units() -> None:
    drill = drilled([at(0, START_MS, amount="1299.50")], about=kpi())
    assert list(as_lines(answer(drill, kpi(), region="East"))) == [
        "1 records, 2026-03-02 08:00 to 2026-03-02 09:00 (Asia/Shanghai), region=East",
        "  gross (order.sum.amount): ¥1,299.50",
        "  lines (order.count): 1",
        "  slow (order.max.delay[line=2]): nothing",
        "k (K), 1h: ¥1,299.50",
    ]
    empty = list(as_lines(answer(drilled([], about=kpi()), kpi())))
    assert empty[-1] == "k (K), 1h: no value"
    assert "the whole company" in empty[0]
    everything = list(as_lines(answer(drilled([at(0, START_MS, quantity=3)]))))
    assert "  order.sum.amount: ¥10.00" in everything
    ratio = kpi("lines / lines", "ratio")
    assert list(as_lines(answer(drilled([at(0, START_MS)], about=ratio), ratio)))[-1].endswith("100.0000 %")


def test_delay_is_worded_in_seconds() -> None:
    assert worded(Sum("d", Measure(event="order", max="delay"), 1500, 1000), BOOK) == "1.500"


def test_fields_of_an_event_are_told_in_natural_units() -> None:
    mention = {"kind": "mention", "event_id": "m", "polarity": -250_000, "reach": 7, "text": None}
    assert natural_fields(mention, 2) == {"polarity": "-0.250000", "reach": 7}
    assert natural_fields(order("o", START_MS) | {"amount": 1000}, 0)["amount"] == 1000
    reply = {"kind": "reply", "event_id": "r", "replied_to": "c", "replied_to_at": 5}
    assert natural_fields(reply, 2) == {"replied_to": "c", "replied_to_at": 5}


def test_end_is_the_pane_end_named_or_how_far_time_has_come() -> None:
    written = Written(BOOK, NoShelf(), whole=True)
    with pytest.raises(InputError, match="nothing has been counted yet"):
        end_of("", written, "Asia/Shanghai")
    assert end_of("2026-03-02 08:00:01", written, "Asia/Shanghai") == START_MS + MINUTE
    ledger = Ledger(topic=TOPIC, partition=0, stamp=5, watermark_ms=START_MS + 90_000)
    written.take(ledger.model_dump_json().encode(), 0)
    assert end_of("", written, "Asia/Shanghai") == START_MS + MINUTE
    written.reached_ms = START_MS
    assert end_of("", written, "Asia/Shanghai") == START_MS


def test_no_shelf_keeps_nothing() -> None:
    shelf = NoShelf()
    shelf.put("a", b"1")
    with pytest.raises(KeyError):
        shelf.get("a")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        pytest.param(lambda: kpi_of(BOOK, "none"), "one of all", id="kpi"),
        pytest.param(lambda: window_of("2h"), "one of 5m, 1h", id="window"),
        pytest.param(lambda: scope_from(["East"], BOOK, None), "write name=value", id="scope without name"),
        pytest.param(lambda: scope_from(["shop=1"], BOOK, None), "region, channel", id="no such dimension"),
        pytest.param(
            lambda: scope_from(["region=a", "region=b"], BOOK, None), "each name once", id="named twice"
        ),
        pytest.param(lambda: moment_from("soon", "Asia/Shanghai"), "in Asia/Shanghai", id="end"),
        pytest.param(
            lambda: scope_from(["region=a"], BOOK, kpi().model_copy(update={"dimensions": ["channel"]})),
            "names: channel",
            id="dimension that the KPI has not",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_remedy(asked: Any, told: str) -> None:
    with pytest.raises(InputError) as error:
        asked()
    assert told in error.value.remedy


def test_what_can_be_asked_is_read() -> None:
    assert kpi_of(BOOK, "") is None
    assert kpi_of(BOOK, "all") is BOOK.kpis["all"]
    assert window_of("week").name == "week"
    assert scope_from(["region=a=b", "channel="], BOOK, kpi()) == {"region": "a=b", "channel": ""}
    assert moment_from("2026-03-02T00:00:00Z", "Asia/Shanghai") == START_MS
