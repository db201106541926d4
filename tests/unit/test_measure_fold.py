"""The fold of a source partition: lateness, counts, flushes, silence, takeovers."""

from typing import Any

import pytest

from schemas.errors import StateError
from schemas.kpi import Measure
from schemas.records import Counts
from schemas.refusal import RefusalReason as Reason
from streams.cells.page import Page, PageKey, decode_page, encode_page
from streams.engine.measure import Flush, Limits, MeasureRows, SourceFold
from streams.engine.measure_rows import keyed, page_name
from tests.measure_builders import START_MS, TOPIC, Record, catalogue, encoded, order, record

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
#: the order of the layout's columns
LINES, GROSS, QUICKEST = 1, 4, 0


def new_fold(owner: str = "me", **installation: Any) -> SourceFold:
    return SourceFold(TOPIC, 0, catalogue(**installation), owner)


def flushed(fold: SourceFold) -> Flush:
    flush = fold.flush()
    assert flush is not None
    return flush


def pages_of(*flushes: Flush) -> dict[tuple[str, int, int], Page]:
    """The pages by grain, pane and known pane, relative to the start in minutes."""
    pages = [decode_page(page) for flush in flushes for page in flush.pages]
    return {
        (
            page.key.grain,
            (page.key.start_ms - START_MS) // MINUTE,
            (page.key.known_ms - START_MS) // MINUTE,
        ): page
        for page in pages
    }


def restored(*flushes: Flush, owner: str = "heir", ledgers: int | None = None) -> SourceFold:
    """An heir of these flushes; `ledgers`: how many of them got to their ledger row."""
    rows = MeasureRows()
    for at, flush in enumerate(flushes):
        for key, value in flush.rows:
            rows.apply(key, value)
        if ledgers is None or at < ledgers:
            rows.apply(*flush.ledger_row)
    return SourceFold.restore(TOPIC, 0, catalogue(), owner, rows)


#  watermark = highest time so far − 10 s; the event at −X is judged by the watermark before it
#
#       −1m             0              +1m             +2m
#        |---------------|---------------|---------------|
#                            W=+50s ^  ^ newest event, +60 s
@pytest.mark.parametrize(
    ("newest_s", "at_s", "where"),
    [
        pytest.param(69, 0, ("m", 0, 0), id="one ms before the watermark reaches the pane's end"),
        pytest.param(70, 0, ("m", 0, 1), id="the watermark is the pane's end: known in the next pane"),
        pytest.param(60, 0, ("m", 0, 0), id="within the disorder"),
        pytest.param(200, 0, ("m", 0, 3), id="late in its minute"),
        pytest.param(7210, 0, ("m", 0, 120), id="two hours late: minutes are still kept"),
        pytest.param(7270, 0, ("h", 0, 121), id="a minute later: its hour"),
        pytest.param(7270, 1800, ("m", 30, 121), id="less late: its minute"),
        pytest.param(8 * 86_400 + 10, 59, ("h", 0, 8 * 1440), id="eight days late: hours are still kept"),
        pytest.param(8 * 86_400 + 70, 59, ("d", -480, 8 * 1440 + 1), id="a minute later: its business day"),
        pytest.param(400 * 86_400 + 10, 0, ("d", -480, 400 * 1440), id="400 days late"),
    ],
)
def test_a_late_event_counts_where_there_is_still_room_for_it(
    newest_s: int, at_s: int, where: tuple[str, int, int]
) -> None:
    fold = new_fold()
    newest = START_MS + newest_s * 1000
    fold.fold([record(0, order("new", newest)), record(1, order("old", START_MS + at_s * 1000), newest)])
    pages = pages_of(flushed(fold))
    assert where in pages
    assert pages[where].cells[("unknown", "unknown")][LINES] == 1
    is_late = where[1:] != (where[1], where[1])
    assert fold.ledger().counts == Counts(received=2, counted=2, late=int(is_late))


def test_an_event_later_than_the_days_is_expired() -> None:
    fold = new_fold()
    newest = START_MS + 400 * DAY + MINUTE + 10_000
    fold.fold([record(0, order("new", newest)), record(1, order("old", START_MS), newest)])
    assert fold.ledger().counts == Counts(received=2, counted=1, expired=1)
    assert len(flushed(fold).pages) == 1


def test_watermark_follows_the_earlier_of_event_and_record() -> None:
    fold = new_fold()
    fold.fold([record(0, order("a", START_MS + 200_000), START_MS)])
    assert fold.ledger().watermark_ms == START_MS - 10_000
    fold.fold([record(1, order("b", START_MS + 5_000), START_MS + 50_000)])
    assert fold.ledger().watermark_ms == START_MS - 5_000


def test_duplicates_and_refused_events_leave_time_alone() -> None:
    fold = new_fold()
    fold.fold([record(0, order("a"))])
    fold.fold([record(1, order("a", START_MS + HOUR)), record(2, b"{", START_MS + HOUR)])
    assert fold.ledger().watermark_ms == START_MS - 10_000
    assert fold.ledger().counts == Counts(received=3, counted=1, duplicate=1, refused=1)


@pytest.mark.parametrize(("ahead_ms", "counted"), [(5 * MINUTE, 1), (5 * MINUTE + 1, 0)])
def test_an_event_further_ahead_than_the_limit_is_from_the_future(ahead_ms: int, counted: int) -> None:
    fold = new_fold()
    refusals = fold.fold([record(7, order(at=START_MS + ahead_ms), START_MS)])
    assert [(one.offset, one.reason, one.field) for one in refusals] == (
        [] if counted else [(7, Reason.FROM_THE_FUTURE, "occurred_at")]
    )
    assert fold.ledger().counts.counted == counted


def test_the_year_2199_is_from_the_future() -> None:
    [refusal] = new_fold().fold([record(0, order(at="2199-01-01T00:00:00Z"), START_MS)])
    assert refusal.reason == Reason.FROM_THE_FUTURE
    assert "ahead" in refusal.remedy


def test_a_record_without_time_is_refused() -> None:
    [refusal] = new_fold().fold([Record(0, -1, encoded(order()))])
    assert refusal.reason == Reason.NO_RECORD_TIME


def test_a_refused_event_may_come_again_mended() -> None:
    fold = new_fold()
    fold.fold([record(0, order("a", START_MS + HOUR), START_MS), record(1, order("a"))])
    assert fold.ledger().counts == Counts(received=2, counted=1, refused=1)


def test_refusals_come_in_the_order_of_their_offsets() -> None:
    early = order("b", START_MS + HOUR)
    log = [record(0, b"{"), record(2, early, START_MS), record(5, None), record(9, early, START_MS)]
    assert [one.offset for one in new_fold().fold(log)] == [0, 2, 5, 9]


def test_records_up_to_the_stamp_are_skipped() -> None:
    fold = new_fold()
    log = [record(3, order("a")), record(4, b"{")]
    assert len(fold.fold(log)) == 1
    assert fold.fold(log) == []
    assert fold.fold([]) == []
    assert fold.ledger().counts.received == 2
    assert fold.stamp == 4


def test_delay_is_the_time_from_the_event_to_its_record_and_never_negative() -> None:
    fold = new_fold()
    fold.fold(
        [record(0, order("a"), START_MS + 1500), record(1, order("b", START_MS + 90_000), START_MS + 5)]
    )
    pages = pages_of(flushed(fold))
    assert pages["m", 0, 0].cells[("unknown", "unknown")][QUICKEST] == 1500
    assert pages["m", 1, 1].cells[("unknown", "unknown")][QUICKEST] == 0


def test_nothing_new_means_nothing_to_write() -> None:
    fold = new_fold()
    assert fold.flush() is None
    fold.fold([record(0, order())])
    assert flushed(fold).stamp == 0
    assert fold.flush() is None


def test_a_flush_of_refusals_alone_carries_the_ledger() -> None:
    fold = new_fold()
    fold.fold([record(0, b"{")])
    flush = flushed(fold)
    assert flush.pages == []
    assert (flush.ledger.stamp, flush.ledger.watermark_ms, flush.ledger.counts.refused) == (0, None, 1)


def test_only_changed_pages_are_written() -> None:
    fold = new_fold()
    fold.fold([record(0, order("a")), record(1, order("b", START_MS + MINUTE))])
    assert len(flushed(fold).pages) == 2
    fold.fold([record(2, order("c", START_MS + MINUTE))])
    pages = pages_of(flushed(fold))
    assert list(pages) == [("m", 1, 1)]
    assert (pages["m", 1, 1].stamp, pages["m", 1, 1].first) == (2, 1)


def test_first_flush_and_the_first_after_silence_open_with_the_ledger_as_it_was() -> None:
    fold = new_fold()
    fold.fold([record(0, order("a"))])
    first = flushed(fold).opened
    assert first is not None
    assert (first.stamp, first.watermark_ms, first.opened, first.idle) == (-1, None, True, False)
    fold.fold([record(1, order("b"))])
    assert flushed(fold).opened is None
    silent = fold.idle(31_000)
    assert (silent.idle, silent.idle_ms, silent.stamp) == (True, 31_000, 1)
    fold.fold([record(2, order("c", START_MS + HOUR))])
    again = flushed(fold).opened
    assert again is not None
    assert (again.stamp, again.watermark_ms, again.idle) == (1, START_MS - 10_000, False)


def test_idleness_speaks_for_what_was_written_only() -> None:
    fold = new_fold()
    fold.fold([record(0, order("a"))])
    flushed(fold)
    fold.fold([record(1, order("b", START_MS + HOUR))])
    assert fold.idle(0).watermark_ms == START_MS - 10_000


def test_final_pages_are_let_go_once_confirmed() -> None:
    fold = new_fold()
    fold.fold([record(0, order("a"))])
    first = flushed(fold)
    [page_key] = [key for key, _ in first.rows if key.startswith(b"page")]
    assert fold.confirmed(first) == []
    fold.fold([record(1, order("b", START_MS + 2 * MINUTE))])
    assert fold.confirmed(flushed(fold)) == [(page_key, None)]


def test_tombstones_cover_every_owner_of_a_row() -> None:
    fold = new_fold("one")
    fold.fold([record(0, order("a"))])
    first = flushed(fold)
    heir = restored(first, owner="two")
    heir.fold([record(1, order("b"))])
    second = flushed(heir)
    assert heir.confirmed(second) == [(b"ledger\x00one", None)]
    heir.fold([record(2, order("c", START_MS + 2 * MINUTE))])
    gone = [key for key, _ in heir.confirmed(flushed(heir))]
    assert {key.rpartition(b"\x00")[2] for key in gone} == {b"one", b"two"}
    assert {key.partition(b"|")[0] for key in gone} == {b"page"}


def test_a_page_found_ahead_of_the_ledger_is_sent_again_and_not_counted_again() -> None:
    log = [record(0, order("a")), record(1, order("b"))]
    fold = new_fold()
    fold.fold(log[:1])
    first = flushed(fold)
    fold.fold(log[1:])
    heir = restored(first, flushed(fold), ledgers=1)
    assert heir.stamp == 0
    ahead = pages_of(flushed(heir))["m", 0, 0]
    assert (ahead.stamp, ahead.cells[("unknown", "unknown")][LINES]) == (1, 2)
    heir.fold(log)
    assert heir.ledger().counts == Counts(received=2, counted=2)
    assert pages_of(flushed(heir))["m", 0, 0] == ahead
    assert heir.flush() is None


def test_a_page_is_sent_behind_every_ledger_that_comes_before_one_of_its_events() -> None:
    log = [record(at, order(f"e{at}", START_MS + at // 2 * MINUTE)) for at in range(4)]
    fold = new_fold()
    fold.fold(log)
    heir = restored(flushed(fold), ledgers=0)
    sent = []
    for one in log:
        heir.fold([one])
        sent.append({minute for _, minute, _ in pages_of(flushed(heir))})
    # at the takeover nobody knows which have arrived; then each with every event of it that comes again
    assert sent == [{0, 1}, {0}, {1}, {1}]
    assert heir.flush() is None


def test_a_zombies_older_page_does_not_hide_a_newer_one() -> None:
    fold = new_fold("zombie")
    fold.fold([record(0, order("a"))])
    old = flushed(fold)
    heir = restored(old)
    heir.fold([record(1, order("b"))])
    new = flushed(heir)
    both = restored(new, old, owner="third")
    assert both.stamp == 1
    both.fold([record(2, order("c"))])
    assert pages_of(flushed(both))["m", 0, 0].cells[("unknown", "unknown")][LINES] == 3


def test_a_page_that_was_lost_gets_its_own_number_again() -> None:
    limits = Limits(page_cells=1)
    log = [record(at, order(str(at), dimensions={"region": name})) for at, name in enumerate("ab")]
    fold = SourceFold(TOPIC, 0, catalogue(), "one", limits=limits)
    fold.fold(log)
    flush = flushed(fold)
    rows = MeasureRows()
    for key, value in flush.rows:
        if not key.startswith(b"page") or b"|1\x00" in key:
            rows.apply(key, value)
    heir = SourceFold.restore(TOPIC, 0, catalogue(), "two", rows, limits=limits)
    heir.fold(log)
    assert sorted(flushed(heir).pages) == sorted(flush.pages)


def test_all_pages_of_a_pane_that_needed_several_are_taken_over() -> None:
    limits = Limits(page_cells=1)
    log = [record(at, order(str(at), dimensions={"region": name})) for at, name in enumerate("abc")]
    fold = SourceFold(TOPIC, 0, catalogue(), "one", limits=limits)
    fold.fold(log[:2])
    first = flushed(fold)
    rows = MeasureRows()
    for key, value in (*first.rows, first.ledger_row):
        rows.apply(key, value)
    heir = SourceFold.restore(TOPIC, 0, catalogue(), "two", rows, limits=limits)
    heir.fold([*log, record(3, order("3", dimensions={"region": "a"}))])
    fold.fold([*log[2:], record(3, order("3", dimensions={"region": "a"}))])
    cells = [decode_page(page).cells for page in (*first.pages, *flushed(heir).pages)]
    assert {leaf[0]: cell[LINES] for page in cells for leaf, cell in page.items()} == {"a": 2, "b": 1, "c": 1}
    assert heir.ledger().counts == fold.ledger().counts == Counts(received=4, counted=4)


def test_values_beyond_four_times_the_limit_count_under_other() -> None:
    fold = SourceFold(TOPIC, 0, catalogue(limit=1), "me")
    names = ["a", "b", "c", "d", "e", "other", "unknown", "a", "f"]
    fold.fold([record(at, order(str(at), dimensions={"region": name})) for at, name in enumerate(names)])
    cells = pages_of(flushed(fold))["m", 0, 0].cells
    assert {leaf[0]: cell[LINES] for leaf, cell in cells.items()} == {
        "a": 2, "b": 1, "c": 1, "d": 1, "other": 3, "unknown": 1,
    }  # fmt: skip
    assert fold.ledger().other == 2
    assert fold.ledger().counts.counted == 9


def test_admitted_values_survive_a_takeover() -> None:
    fold = SourceFold(TOPIC, 0, catalogue(limit=1), "me")
    fold.fold([record(at, order(str(at), dimensions={"region": name})) for at, name in enumerate("abcde")])
    flush = flushed(fold)
    rows = MeasureRows()
    for key, value in [*flush.rows, flush.ledger_row]:
        rows.apply(key, value)
    heir = SourceFold.restore(TOPIC, 0, catalogue(limit=1), "heir", rows)
    later = START_MS + MINUTE
    heir.fold([record(5, order("x", later, dimensions={"region": "e"}))])
    assert [*pages_of(flushed(heir))["m", 1, 1].cells] == [("other", "unknown")]
    assert heir.ledger().other == 2


def test_a_changed_layout_starts_pages_of_its_own() -> None:
    fold = new_fold("one")
    fold.fold([record(0, order("a"))])
    first = flushed(fold)
    rows = MeasureRows()
    for key, value in [*first.rows, first.ledger_row]:
        rows.apply(key, value)
    changed = catalogue(Measure(event="order", sum="quantity"))
    heir = SourceFold.restore(TOPIC, 0, changed, "two", rows)
    heir.fold([record(1, order("b", START_MS + 30_000))])
    second = flushed(heir)
    [page] = [decode_page(one) for one in second.pages]
    assert page.key.layout != decode_page(first.pages[0]).key.layout
    assert [key for key, _ in second.rows if key.startswith(b"layout")] != []
    heir.fold([record(2, order("c", START_MS + HOUR))])
    assert len([key for key, _ in heir.confirmed(flushed(heir)) if key.startswith(b"page")]) == 2


def test_an_event_with_a_list_of_digits_in_its_id_is_still_one_event() -> None:
    fold = new_fold()
    fold.fold([record(0, order("1" * 200)), record(1, order("1" * 199))])
    assert fold.ledger().counts.counted == 2


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"page|x\x00o", b"{}"),
        (b"page|x\x00o", b'{"type":"page","key":[1]}'),
        (b"ids|0|0\x00o", b"\x01"),
        (b"ids|0|0\x00o", b"\x01" + b"\x00" * 20),
        (b"values|region|0\x00o", b"nonsense"),
        (b"ledger\x00o", b"{}"),
        (b"ledger\x00o", b'{"ledger":{"stamp":1},"turn_ms":0}'),
        (b"surprise\x00o", b"x"),
        (b"\xff\x00o", b"x"),
    ],
)
def test_rows_that_cannot_be_read_stop_the_takeover(key: bytes, value: bytes) -> None:
    rows = MeasureRows()
    rows.apply(key, value)
    with pytest.raises(StateError, match="rebuild"):
        list(rows.read().pages())


def test_a_tombstone_takes_one_owners_row() -> None:
    rows = MeasureRows()
    key = PageKey(TOPIC, 0, "l", "m", 0, 0, 0)
    for owner, stamp in ((b"one", 5), (b"two", 9)):
        rows.apply(keyed(page_name(key), owner), encode_page(Page(key, stamp, 0, {})))
    rows.apply(keyed(page_name(key), b"two"), None)
    assert [page.stamp for page in rows.read().pages()] == [5]
    rows.apply(keyed(page_name(key), b"one"), None)
    rows.apply(keyed(page_name(key), b"one"), None)
    assert list(rows.read().pages()) == []
    assert rows.read().owners == {}


def test_an_event_under_other_that_a_former_layout_counted_is_not_counted_again() -> None:
    log = [record(at, order(str(at), dimensions={"region": name})) for at, name in enumerate("abcde")]
    fold = SourceFold(TOPIC, 0, catalogue(limit=1), "one")
    fold.fold(log)
    rows = MeasureRows()
    for key, value in flushed(fold).rows:
        rows.apply(key, value)
    changed = catalogue(Measure(event="order", sum="quantity"), limit=1)
    heir = SourceFold.restore(TOPIC, 0, changed, "two", rows)
    heir.fold(log)
    [page] = [decode_page(one) for one in flushed(heir).pages]
    assert {leaf[0]: cell[LINES] for leaf, cell in page.cells.items()} == dict.fromkeys((*"abcd", "other"), 1)
    assert heir.ledger().counts.counted == 5
