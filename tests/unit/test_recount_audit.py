"""The audit of one source partition: what it compares, what it leaves out, what it calls different."""

from typing import Any

import pytest

from schemas.base import Text
from schemas.events import KINDS
from schemas.kpi import Measure
from schemas.records import CatalogueRecord, Counts, Ledger
from streams.cells.layout import layout_of
from streams.cells.page import decode_page, encode_page
from streams.engine.recount.findings import (
    MOST,
    Difference,
    Findings,
    Uncompared,
    cell_differences,
    ledger_differences,
)
from streams.engine.recount.measures import KindMeasures
from streams.engine.recount.pages import RecountedPages
from streams.engine.recount.source import Outcome, Pane, Verdict
from tests.measure_builders import START_MS, TOPIC, catalogue, order, record
from tests.recount_builders import Installation, audited, newest

MINUTE, HOUR = 60_000, 3_600_000
BOOK = catalogue(dedupe_horizon="1h")
OTHER_LAYOUT = catalogue(Measure(event="order", sum="quantity"), dedupe_horizon="1h")
OTHER_RULES = catalogue(dedupe_horizon="2h")


def log_of(count: int, *, every_ms: int = MINUTE, first: int = 0) -> list[Any]:
    """One order a minute, each with its own id."""
    numbers = range(first, first + count)
    return [record(at, order(f"e{at}", START_MS + at * every_ms)) for at in numbers]


def counted(log: list[Any], *, flush_every: int = 10) -> Installation:
    """What one owner wrote of it, flush by flush."""
    made = Installation(log, 1_000_000)
    made.take_over(BOOK)
    while made.fold.stamp < log[-1].offset:
        made.read(flush_every)
        made.flush(None)
    return made


def named(found: Findings) -> list[tuple[str, int | None, int | None]]:
    return [(one.what, one.written, one.recounted) for one in found.differences]


def test_everything_is_compared_where_everything_is_still_there() -> None:
    found = audited(counted(log_of(30)), BOOK)
    assert found.are_equal
    assert (found.sources, found.records, found.pages, found.cells) == (1, 30, 30, 30)
    assert found.ledgers == 4
    assert found.uncompared.total() == 0


def test_events_that_nobody_has_counted_yet_are_left_out() -> None:
    made = counted(log_of(20))
    made.log = log_of(25)
    assert audited(made, BOOK).records == 20


def test_a_deleted_beginning_is_compared_again_after_a_horizon_of_record_time() -> None:
    made = counted(log_of(180))
    found = audited(made, BOOK, deleted=10, forgotten=1)
    # |..10 deleted..|------ one hour and a step is learned, to the ledger at 79 ------|-- compared --|
    assert found.are_equal
    assert found.pages == 100
    assert found.uncompared == {Uncompared.LOG_DELETED: 10, Uncompared.NOT_KNOWN: 70}


def test_an_installation_that_began_at_the_logs_beginning_is_compared_from_there() -> None:
    made = counted(log_of(30, first=500))
    made.begin = 500
    found = audited(made, BOOK)
    assert found.pages == 30
    assert found.uncompared.total() == 0


def test_without_any_ledger_that_knows_enough_nothing_is_compared() -> None:
    found = audited(counted(log_of(50)), BOOK, deleted=10, forgotten=1)
    assert found.pages == 0
    assert found.are_equal
    assert found.uncompared[Uncompared.NOT_KNOWN] == 40


def test_pages_of_another_layout_are_not_compared_and_those_after_it_are() -> None:
    made = Installation(log_of(60), 1_000_000)
    made.take_over(OTHER_LAYOUT)
    made.read(20)
    made.flush(None)
    made.take_over(BOOK)
    made.read(None)
    made.flush(None)
    found = audited(made, BOOK)
    assert found.are_equal
    assert found.uncompared == {Uncompared.OTHER_LAYOUT: 20}
    assert found.pages == 40


def adopt(made: Installation, book: Any) -> None:
    made.cells.append(CatalogueRecord(catalogue=book).model_dump_json(by_alias=True).encode())


def test_what_another_catalogue_counted_by_other_rules_is_not_compared() -> None:
    made = Installation(log_of(60), 1_000_000)
    adopt(made, OTHER_RULES)
    made.take_over(OTHER_RULES)
    made.read(20)
    made.flush(None)
    adopt(made, BOOK)
    made.take_over(BOOK)
    made.read(None)
    made.flush(None)
    found = audited(made, BOOK)
    assert found.are_equal
    assert found.uncompared == {Uncompared.OTHER_CATALOGUE: 20}
    assert found.pages == 40


def test_a_catalogue_with_other_words_and_the_same_rules_changes_nothing() -> None:
    made = counted(log_of(20))
    kpi = BOOK.kpis["all"].model_copy(update={"title": Text(en="Everything", zh="全部")})
    made.cells.insert(3, CatalogueRecord(catalogue=BOOK).model_dump_json(by_alias=True).encode())
    adopt(made, BOOK.model_copy(update={"kpis": {"all": kpi}}))
    assert audited(made, BOOK).pages == 20


def test_an_event_that_may_or_may_not_be_a_repetition_leaves_its_pane_out() -> None:
    log = log_of(180)
    # minute: 5 X | 10 deleted | 55 X, repeated | 79 the ledger | 90 X: 5 is forgotten, 55 may have counted
    for minute in (55, 90):
        log[minute] = record(minute, order("e5", START_MS + minute * MINUTE))
    log[91] = record(91, order("e91", START_MS + 90 * MINUTE))
    made = counted(log)
    assert made.fold.ledger().counts.duplicate == 1
    found = audited(made, BOOK, deleted=10, forgotten=1)
    assert found.are_equal
    assert found.uncompared[Uncompared.DOUBTFUL] == 1
    assert found.pages == 98


def repeated_once_forgotten(*after: tuple[int, str, str]) -> Findings:
    """The audit where the id `e0`, counted under another layout, was forgotten for want of room.

    (minute, id, region) of one event each; the recount cannot know whether `e0` is a repetition.
    """
    book = catalogue(limit=1, dedupe_horizon="1h")
    made = Installation([], 2)
    for at, (minute, name, region) in enumerate(
        [(0, "e0", "a"), (1, "e1", "b"), (2, "e2", "c"), (3, "e3", "c"), *after]
    ):
        made.log.append(record(at, order(name, START_MS + minute * MINUTE, dimensions={"region": region})))
    made.take_over(catalogue(Measure(event="order", sum="quantity"), limit=1, dedupe_horizon="1h"))
    made.read(1)
    made.flush(None)
    made.take_over(book)
    made.read(None)
    made.flush(None)
    assert made.fold.ledger().counts.duplicate == 0
    found = audited(made, book)
    assert found.uncompared[Uncompared.OTHER_LAYOUT] == 1
    return found


def test_a_value_that_a_doubtful_event_brought_takes_up_room() -> None:
    # a b c are admitted; d comes with the doubtful event and is the fourth; e counts under other
    found = repeated_once_forgotten((4, "e0", "d"), (5, "e4", "e"))
    assert found.differences == []
    assert found.uncompared[Uncompared.DOUBTFUL] == 1
    assert found.pages == 4


def test_panes_are_left_out_while_a_doubtful_event_may_have_moved_the_watermark() -> None:
    # 10 moves the watermark, or not: 4 is late or on time; 11 moves it for certain: 4 is late
    found = repeated_once_forgotten((10, "e0", "c"), (4, "e4", "c"), (11, "e5", "c"), (4, "e6", "c"))
    assert found.differences == []
    assert found.uncompared[Uncompared.DOUBTFUL] == 2
    assert found.pages == 5


def test_pages_of_a_crashed_owner_are_found_behind_the_ledger_that_comes_before_them() -> None:
    made = Installation(log_of(6), 1_000_000)
    made.take_over(BOOK)
    made.read(6)
    made.flush(8)  # layout, six pages, ids: all that goes to the changelog
    made.take_over(BOOK)
    for _ in range(3):
        made.read(2)
        made.flush(None)
    ledgers = [at for at, one in enumerate(made.cells) if b'"stamp":1,' in one and b'"page"' not in one]
    found = audited(made, BOOK, forgotten=ledgers[0])
    assert found.differences == []
    assert found.pages == 4


def test_what_was_counted_before_the_first_catalogue_that_is_left_is_not_compared() -> None:
    made = counted(log_of(60))
    made.cells.insert(
        len(made.cells) // 2, CatalogueRecord(catalogue=BOOK).model_dump_json(by_alias=True).encode()
    )
    found = audited(made, BOOK, forgotten=1)
    assert found.are_equal
    assert found.uncompared[Uncompared.OTHER_CATALOGUE] > 0
    assert found.pages > 0
    assert audited(made, BOOK).uncompared.total() == 0


def test_a_pane_that_holds_anything_from_before_is_left_out_whole() -> None:
    made = Installation([], 1_000_000)
    regions = [{"region": f"r{at % 12}"} for at in range(180)]
    made.log = [
        record(
            at,
            order(f"e{at}", START_MS + at // 12 * 12 * MINUTE, dimensions=regions[at]),
            START_MS + at * MINUTE,
        )
        for at in range(180)
    ]
    made.take_over(BOOK)
    while made.fold.stamp < 179:
        made.read(10)
        made.flush(None)
    found = audited(made, BOOK, deleted=10, forgotten=1)
    assert found.are_equal
    assert found.uncompared[Uncompared.PANE_BEGUN] > 0
    assert found.pages > 0


def test_a_ledger_that_does_not_add_up_or_is_wrong_is_a_difference() -> None:
    made = counted(log_of(20))
    ledger = made.fold.ledger()
    wrong = Counts(received=21, counted=20, duplicate=0, late=0, expired=0, refused=0)
    made.log.append(record(20, b"{"))
    made.put(ledger.model_copy(update={"counts": wrong, "stamp": 20, "other": 5, "watermark_ms": START_MS}))
    mark = START_MS + 19 * MINUTE - 10_000
    assert named(audited(made, BOOK)) == [
        ("refused", 0, 1),
        ("other", 5, 0),
        ("watermark_ms", START_MS, mark),
        ("received at its own parts", 21, 20),
    ]


def test_a_stamp_beyond_the_log_is_a_difference() -> None:
    made = counted(log_of(20))
    made.log = made.log[:15]
    found = audited(made, BOOK)
    assert ("last offset of the log", 19, 14) in named(found)


def test_a_page_that_the_log_knows_nothing_of_is_a_difference() -> None:
    made = counted(log_of(20))
    page = newest(made.cells)[min(newest(made.cells))]
    page.key = page.key._replace(start_ms=START_MS - HOUR, known_ms=START_MS - HOUR)
    made.cells.append(encode_page(page))
    [difference] = audited(made, BOOK).differences
    assert difference == Difference((TOPIC, 0), page.key, (), "page", 1, None)


def test_a_page_that_names_another_first_event_is_a_difference() -> None:
    made = counted(log_of(20))
    page = newest(made.cells)[max(newest(made.cells))]
    page.first, page.stamp = page.first + 1, 20
    made.log.append(record(20, b"{"))
    made.cells.append(encode_page(page))
    assert named(audited(made, BOOK)) == [("first offset", 20, 19)]


def test_a_page_whose_last_version_never_came_is_a_difference() -> None:
    log = [record(at, order(f"e{at}", START_MS)) for at in range(20)]
    made = counted(log)
    last = [value for value in made.cells if value.startswith(b'{"type":"page"')][-1]
    made.cells.remove(last)
    assert decode_page(last).stamp == 19
    assert ("order.count", 10, 20) in named(audited(made, BOOK))


def test_leaf_that_only_one_page_has_is_named_with_its_measures() -> None:
    layout = layout_of(BOOK)
    some = list(layout.empty)
    some[1] = 4
    assert list(cell_differences(layout, {("a", "b"): some}, {})) == [
        (("a", "b"), "leaf", 1, None),
        (("a", "b"), "order.count", 4, 0),
    ]
    assert list(cell_differences(layout, {}, {("a", "b"): list(layout.empty)})) == [
        (("a", "b"), "leaf", None, 1)
    ]
    assert list(cell_differences(layout, {("a",): [*some, 9]}, {("a",): some})) == [(("a",), "", 9, None)]


@pytest.mark.parametrize(
    ("duplicate", "doubtful", "found"),
    [
        pytest.param(2, 2, [], id="each doubtful one is a repetition"),
        pytest.param(0, 2, [], id="none is"),
        pytest.param(3, 2, [("duplicate", 3, 0)], id="more than there are"),
    ],
)
def test_ledger_may_differ_by_the_doubtful_events_only(
    duplicate: int, doubtful: int, found: list[Any]
) -> None:
    ours = Counts(received=10, counted=5, refused=3)
    theirs = Ledger(
        topic=TOPIC,
        partition=0,
        stamp=9,
        watermark_ms=7,
        counts=ours.model_copy(update={"duplicate": duplicate}),
    )
    assert list(ledger_differences(theirs, ours, None, 0, doubtful)) == found


def test_differences_beyond_the_most_are_only_counted() -> None:
    findings = Findings()
    one = Difference((TOPIC, 0), None, (), "received", 1, 2)
    findings.differences = [one] * (MOST - 1)
    findings.differ(one)
    findings.differ(one)
    assert (len(findings.differences), findings.more) == (MOST, 1)
    assert not findings.are_equal


def test_a_page_that_never_arrived_is_a_difference() -> None:
    made = counted(log_of(20))
    key = max(newest(made.cells))
    made.cells = [one for one in made.cells if b'"page"' not in one or decode_page(one).key != key]
    [difference] = audited(made, BOOK).differences
    assert (difference.page, difference.what, difference.written) == (key, "page", None)


def test_event_beyond_the_offset_of_its_page_has_a_place_and_no_count() -> None:
    layout, pane = layout_of(BOOK), Pane("m", START_MS, START_MS)
    kinds = {"order": KindMeasures(layout, KINDS["order"])}
    pages = RecountedPages((TOPIC, 0), layout, kinds, lambda key: 1 - key.number, room=1)
    for at, name in enumerate("aab"):
        verdict = Verdict(Outcome.COUNTED, pane, (name, "x"), 0)
        event = {"kind": "order", "line": 1, "amount": 5, "quantity": 1}
        pages.add(record(at, b""), event, verdict)
    found = {key.number: page for key, page in pages.final(None)}
    assert found[0].cells[("a", "x")][1] == 2
    assert (found[1].first, found[1].cells) == (2, {})
