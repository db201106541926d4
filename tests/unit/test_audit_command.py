"""`planwatch audit` and `events` over fake topics: what is read, in which order, and how it is told."""

from collections.abc import Iterator

import orjson
import pytest

from schemas.errors import InputError, StateError, TopicsError
from schemas.records import Ledger
from streams.broker import Stored
from streams.cells.page import encode_page
from streams.cli._audit import Audit, as_lines, as_record, carry_out
from streams.cli._drill import Answer, NoShelf, read_records
from streams.cli._recount import Chosen, Installation, PageFile
from streams.engine.recount.drill import Asked, Drill
from streams.engine.recount.findings import Difference, Findings, Uncompared
from streams.engine.recount.source import Limits
from streams.engine.recount.written import Written
from streams.engine.rows import VersionedRows
from streams.topics import Names
from streams.windows.spans import spec_of
from tests.measure_builders import START_MS, TOPIC, catalogue, order, record
from tests.recount_builders import Installation as Counted
from tests.recount_builders import newest

BOOK = catalogue(limit=2)
NAMES = Names("t")
HOUR = 3_600_000


class FakeReader:
    """Topics by name: the partitions' records, from a first offset."""

    def __init__(self) -> None:
        self.topics: dict[str, list[list[Stored]]] = {}
        self.begins: dict[tuple[str, int], int] = {}

    def put(self, topic: str, records: list[tuple[bytes | None, bytes | None, int]], begin: int = 0) -> None:
        """One more partition of a topic: its (key, value, timestamp)."""
        parts = self.topics.setdefault(topic, [])
        self.begins[topic, len(parts)] = begin
        parts.append(
            [
                Stored(topic, len(parts), begin + at, ms, key, value, [])
                for at, (key, value, ms) in enumerate(records)
            ]
        )

    def partitions(self, topic: str) -> list[int]:
        return list(range(len(self.topics.get(topic, ()))))

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        begin = self.begins[topic, partition]
        return begin, begin + len(self.topics[topic][partition])

    def read(self, topic: str, partition: int) -> Iterator[list[Stored]]:
        records = self.topics[topic][partition]
        yield []
        for at in range(0, len(records), 3):
            yield records[at : at + 3]


def reader_of(count: int = 10, begin: int = 0, **forged: int) -> FakeReader:
    """An installation that counted so many orders of one source partition; the other topics are empty."""
    log = [record(begin + at, order(f"e{at}", START_MS + at * 1000)) for at in range(count)]
    made = Counted(log, 1_000_000)
    made.take_over(BOOK)
    made.read(None)
    made.flush(None)
    for what, by in forged.items():
        [page] = newest(made.cells).values()
        page.cells["unknown", "unknown"][BOOK_KEYS.index(what)] += by  # type: ignore[operator]
        page.stamp += 1
        made.cells.append(encode_page(page))
    reader = FakeReader()
    extra = [(None, b"{", START_MS)] if forged else []
    reader.put(TOPIC, [(None, one.value, one.timestamp) for one in log] + extra, begin)
    reader.put("t.feedback.v1", [])
    reader.put("t.sentiment.v1", [])
    reader.put(NAMES.cells, [(b"", value, START_MS) for value in made.cells])
    reader.put(NAMES.changelog("measure", TOPIC), [(key, value, 0) for key, value in made.changelog])
    return reader


BOOK_KEYS = ["order+refund.min.delay", "order_count", "order.count[line=1]"]


def installation(reader: FakeReader, told: list[tuple[str, int, int]] | None = None) -> Installation:
    heard = told if told is not None else []
    return Installation(reader, NAMES, BOOK, lambda *what: heard.append(what))  # type: ignore[arg-type]


def test_equal_installation_is_told_with_what_was_compared() -> None:
    told: list[tuple[str, int, int]] = []
    audit = carry_out(installation(reader_of(), told), Chosen(), BOOK, Limits())
    assert list(as_lines(audit, 20)) == [
        "compared: 1 source partitions, 10 records, 1 pages (1 cells), 2 ledgers",
        "equal: every number that was compared is what the log says",
    ]
    report = as_record(audit)
    assert report["equal"] is True
    assert report["differences"] == []
    assert report["not_counted_yet"]["source_partitions"] == ["t.feedback.v1/0", "t.sentiment.v1/0"]
    assert (f"{TOPIC}/0", 10, 10) in told
    assert all(done <= total for _, done, total in told)


def test_forged_page_is_told_with_pane_leaf_and_measure() -> None:
    audit = carry_out(installation(reader_of(order_count=7)), Chosen("sales.v1", 0), BOOK, Limits())
    lines = list(as_lines(audit, 20))
    assert lines[-2:] == [
        f"differs: {TOPIC}/0 minute 2 Mar 2026, 08:00, page 0 unknown, unknown: order.count: written 17, "
        "recounted 10",
        "DIFFERENT: what was written is not what the log says",
    ]
    [difference] = as_record(audit)["differences"]
    assert difference == {
        "topic": TOPIC,
        "partition": 0,
        "page": {"grain": "m", "start_ms": START_MS, "known_ms": START_MS, "number": 0},
        "leaf": {"region": "unknown", "channel": "unknown"},
        "what": "order.count",
        "written": 17,
        "recounted": 10,
        "scale": 1,
    }


def test_what_could_not_be_compared_and_the_rest_of_the_differences_are_counted() -> None:
    findings = Findings(pages=1)
    findings.uncompared[Uncompared.LOG_DELETED] = 1200
    key = next(iter(newest([v for _, v, _ in _cells() if v])))._replace(known_ms=START_MS + HOUR, grain="h")
    findings.differences = [
        Difference((TOPIC, 3), key, ("Ea\u202est", "web"), "order.sum.amount", 1050, None),
        Difference((TOPIC, 3), None, (), "received", 4, 3),
    ]
    audit = Audit(BOOK, findings, waiting=5)
    assert list(as_lines(audit, 1))[1:] == [
        "not compared: 1,200 pages: its first event is no longer in the log",
        "not counted yet: 5 records",
        f"differs: {TOPIC}/3 hour 2 Mar 2026, 08:00, known 2 Mar 2026, 09:00, page 0 Ea st, web: "
        "order.sum.amount: written 10.5, recounted nothing",
        "… and 1 more differences; --json has them",
        "DIFFERENT: what was written is not what the log says",
    ]
    assert as_record(audit)["not_compared"] == {"log_deleted": 1200}
    assert as_record(audit)["differences"][1]["page"] is None
    assert list(as_lines(audit, 2))[-2].endswith("ledger: received: written 4, recounted 3")


def _cells() -> list[tuple[bytes | None, bytes | None, int]]:
    return [(one.key, one.value, one.timestamp) for one in reader_of().topics[NAMES.cells][0]]


def test_an_installation_that_counted_nothing_says_so() -> None:
    reader = reader_of()
    reader.topics[NAMES.cells] = [[]]
    audit = carry_out(installation(reader), Chosen("feedback.v1"), BOOK, Limits())
    assert list(as_lines(audit, 20))[-1] == "nothing could be compared"


def test_topics_that_are_not_there_are_named_with_the_remedy() -> None:
    reader = FakeReader()
    with pytest.raises(TopicsError, match=r"t\.sales\.v1"):
        installation(reader).sources(Chosen())
    reader.put(TOPIC, [])
    with pytest.raises(TopicsError, match=r"t\.cells\.v1"):
        installation(reader).written(NoShelf())
    with pytest.raises(InputError, match="none"):
        installation(reader).sources(Chosen("none"))
    with pytest.raises(InputError, match=r"sales\.v1/7"):
        installation(reader).sources(Chosen("sales.v1", 7))


def test_changelog_gives_live_pages_and_admitted_values() -> None:
    reader = reader_of()
    written = Written(BOOK, NoShelf(), whole=True)
    assert installation(reader).changelog((TOPIC, 0), written) == []
    assert len(written.sources[TOPIC, 0].pages) == 1
    assert installation(reader).changelog((TOPIC, 9), written) == []
    broken = FakeReader()
    broken.put(NAMES.changelog("measure", TOPIC), [(b"values|region|3\x00o", b'{"a"', 0), (None, None, 0)])
    with pytest.raises(StateError, match="dimension values"):
        installation(broken).changelog((TOPIC, 0), written)
    whole = FakeReader()
    row = orjson.dumps([("region", "East", 3)])
    whole.put(NAMES.changelog("measure", TOPIC), [(b"values|region|3\x00o", row, 0)])
    assert installation(whole).changelog((TOPIC, 0), written) == [("region", "East", 3)]


def test_values_that_evaluate_keeps_apart_are_read_where_a_dimension_is_full() -> None:
    rows = VersionedRows(b"o")
    regions = rows.put(b"values|region", orjson.dumps(["East", "West"]), 5)
    channels = rows.put(b"values|channel", orjson.dumps(["web"]), 5)
    reader = FakeReader()
    log = [regions, channels, (b"cells|1\x00o", b"not read"), rows.commit(b"{}", 5)]
    reader.put(NAMES.changelog("evaluate", NAMES.cells), [(key, value, 0) for key, value in log])
    asked = {"region": "East", "channel": "web"}
    assert installation(reader).settled(asked) == {"region": {"East", "West"}}
    assert installation(reader).settled({}) == {}
    assert installation(FakeReader()).settled(asked) == {}


def test_shelf_gives_back_what_was_put_last_wherever_it_lies() -> None:
    with PageFile(fresh=2) as shelf:
        for name, value in (("a", b"1"), ("b", b"2"), ("c", b"3"), ("a", b"4"), ("d", b"5"), ("e", b"6")):
            shelf.put(name, value)
        assert [shelf.get(name) for name in "abcde"] == [b"4", b"2", b"3", b"5", b"6"]


def answered(reader: FakeReader, ledger: Ledger | None = None) -> Answer:
    asked = Asked(BOOK.kpis["all"], spec_of("1h"), START_MS + HOUR, {})
    answer = Answer(BOOK, asked, Drill(BOOK, asked, 5))
    written, _ = installation(reader).written(NoShelf())
    if ledger is not None:
        written.sources[TOPIC, 0].floor = ledger.stamp
    for _ in read_records(installation(reader), answer, written, Limits()):
        pass
    return answer


def test_records_of_the_topics_of_a_kpi_are_read() -> None:
    answer = answered(reader_of())
    assert (answer.drill.count, answer.notes) == (10, [])
    assert answer.left_out == {"duplicate": 0, "expired": 0, "refused": 0}


def test_what_may_make_the_list_other_than_the_figure_is_said() -> None:
    notes = answered(reader_of(begin=100), Ledger(topic=TOPIC, partition=0, stamp=104)).notes
    assert notes[0].startswith(f"{TOPIC}/0: records before offset 100 are deleted")
    assert notes[1] == f"{TOPIC}/0: up to offset 104 another catalogue may have counted otherwise"
