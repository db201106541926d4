"""What a cells topic says was written: newest pages, ledgers, how far time has come."""

from itertools import pairwise

import pytest

from schemas.errors import StateError
from schemas.records import Counts, LayoutRecord, Ledger, Roster
from streams.cells.layout import layout_of
from streams.cells.page import Page, PageKey, encode_page
from streams.engine.recount.written import LEDGERS, Written, WrittenPage, WrittenSource
from tests.measure_builders import START_MS, TOPIC, catalogue
from tests.recount_builders import Memory

BOOK = catalogue()
LAYOUT = layout_of(BOOK)


def key_of(topic: str = TOPIC) -> PageKey:
    return PageKey(topic, 0, LAYOUT.id, "m", START_MS, START_MS, 0)


def page(stamp: int, topic: str = TOPIC, value: int = 1) -> bytes:
    cell = list(LAYOUT.empty)
    cell[1] = value
    return encode_page(Page(key_of(topic), stamp, 3, {("East", "web"): cell}))


def reading() -> Written:
    return Written(BOOK, Memory(), whole=True)


def ledger(stamp: int, received: int = 0) -> Ledger:
    return Ledger(
        topic=TOPIC, partition=0, stamp=stamp, watermark_ms=125_000, counts=Counts(received=received)
    )


def test_of_a_page_the_version_with_the_highest_stamp_stays() -> None:
    shelf = Memory()
    written = Written(BOOK, shelf, whole=True)
    for stamp in (5, 9, 7):
        written.take(page(stamp), 0)
    assert written.sources[TOPIC, 0].pages == {key_of(): WrittenPage(9, 3)}
    assert shelf.get(key_of()) == page(9)
    assert written.sources[TOPIC, 0].stamp == 9


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(page(9, value=2**70), id="sums beyond 64 bits"),
        pytest.param(page(9, 'a"b\\c'), id="a name with quotes"),
    ],
)
def test_every_form_of_a_page_is_read(value: bytes) -> None:
    written = reading()
    written.take(value, 0)
    [source] = written.sources.values()
    assert list(source.pages.values()) == [WrittenPage(9, 3)]


def test_roster_and_ledgers_tell_how_far_time_has_come() -> None:
    written = reading()
    written.take(Roster(partitions={TOPIC: 1}).model_dump_json().encode(), 0)
    written.take(LayoutRecord(id="l", measures=[], dimensions=[]).model_dump_json().encode(), 0)
    assert written.reached_ms is None
    written.take(ledger(5).model_dump_json().encode(), 0)
    assert written.reached_ms == 120_000


@pytest.mark.parametrize("value", [b"{}", b'{"type":"page",', b"\x00"])
def test_what_cannot_be_read_is_an_error_with_the_remedy(value: bytes) -> None:
    with pytest.raises(StateError, match="planwatch rebuild"):
        reading().take(value, 0)


def test_ledgers_stay_evenly_spread_and_the_newest_with_them() -> None:
    source = WrittenSource()
    for stamp in range(10 * LEDGERS):
        source.hear(ledger(stamp))
    stamps = [one.stamp for one in source.marks()]
    assert LEDGERS <= len(stamps) <= 2 * LEDGERS
    assert (stamps[0], stamps[-1]) == (0, 10 * LEDGERS - 1)
    steps = {after - before for before, after in pairwise(stamps)}
    assert max(steps) <= 16


def test_ledger_of_an_owner_whose_time_is_over_is_not_kept_but_looked_at() -> None:
    source = WrittenSource()
    source.hear(ledger(9))
    source.hear(ledger(7, received=3))
    assert source.marks() == [ledger(9)]
    assert source.unequal == [ledger(7, received=3)]
    assert WrittenSource().marks() == []
