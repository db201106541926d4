"""Dead letters: what is one, when it was replayed, and that replaying marks only what is confirmed."""

from collections import Counter
from typing import Any

from streams.broker import Outgoing, Stored
from streams.deadletters import MARK, REPLAYED, letter_of, letters_of, replay

TOPIC = "planwatch.sales.v1"


def stored(at_offset: int, *, at: int = 1000, key: bytes | None = b"k", **changed: str) -> Stored:
    """The DLQ record of a refused record at that source offset."""
    place = {"topic": TOPIC, "partition": "3", "offset": str(at_offset)}
    about = place | {"reason": "unknown_dimension"} | changed
    headers = [("trace", b"7")] + [(f"planwatch-{name}", value.encode()) for name, value in about.items()]
    return Stored(f"{TOPIC}.dlq", 2, at_offset + 100, at, key, b'{"kind": "order"}', headers)


def mark(offset: int) -> Stored:
    identity = f"{TOPIC}/3/{offset}".encode()
    return Stored(f"{TOPIC}.dlq", 2, 900, 2000, identity, None, [(MARK, identity)])


class FakeSender:
    """A sender that confirms at each flush, and fails from one record on."""

    def __init__(self, fail_from: int | None = None) -> None:
        self.out: list[Outgoing] = []
        self.flushed: list[int] = []
        self.sent: Counter[str] = Counter()
        self.failed = 0
        self.error = ""
        self._fail_from = fail_from

    def send(self, record: Outgoing) -> None:
        self.out.append(record)

    def flush(self) -> None:
        self.flushed.append(len(self.out))
        if self._fail_from is not None and len(self.out) > self._fail_from:
            self.failed, self.error = 1, "no"


def test_letter_carries_its_source_reason_and_original_bytes() -> None:
    letter = letter_of(stored(42, field="dimensions.store", value="S1", remedy="add it"))

    assert letter is not None
    assert letter.id == "planwatch.sales.v1/3/42"
    assert (letter.reason, letter.field, letter.value, letter.remedy) == (
        "unknown_dimension",
        "dimensions.store",
        "S1",
        "add it",
    )
    assert (letter.key, letter.body, letter.headers) == (b"k", b'{"kind": "order"}', [("trace", b"7")])


def test_record_that_is_none_of_ours_is_no_letter() -> None:
    assert letter_of(Stored("x.dlq", 0, 0, 0, None, b"x", [])) is None
    assert letter_of(stored(1, offset="many")) is None
    assert letter_of(mark(1)) is None


def test_letters_stand_once_and_oldest_first() -> None:
    letters = letters_of([stored(5, at=30), stored(4, at=10), stored(5, at=40)])

    assert [(letter.offset, letter.at_ms) for letter in letters] == [(4, 10), (5, 30)]


def test_letter_is_replayed_once_its_mark_is_there() -> None:
    letters = letters_of([stored(4), stored(5), mark(5), mark(99)])

    assert [(letter.offset, letter.replayed) for letter in letters] == [(4, False), (5, True)]


def test_record_of_a_letter_shows_bytes_that_are_no_text() -> None:
    record = letters_of([stored(4, key=b"\xff")])[0].as_record(with_body=True)

    assert record["key"] == "\\xff"
    assert record["headers"] == [["trace", "7"]]


def test_replay_sends_to_the_source_partition_and_marks_after_it_is_confirmed() -> None:
    sender: Any = FakeSender()
    told: list[int] = []

    done = replay(letters_of([stored(4), stored(5)]), sender, told.append)

    assert (done, told) == (2, [2])
    again, marks = sender.out[:2], sender.out[2:]
    assert [(one.topic, one.partition, one.key) for one in again] == [(TOPIC, 3, b"k")] * 2
    assert again[0].headers == [("trace", b"7"), (REPLAYED, b"planwatch.sales.v1/3/4")]
    assert [(one.topic, one.partition, one.value) for one in marks] == [(f"{TOPIC}.dlq", 2, None)] * 2
    assert sender.flushed[0] == 2


def test_replay_marks_nothing_of_a_batch_that_was_not_confirmed() -> None:
    sender: Any = FakeSender(fail_from=1)

    done = replay(letters_of([stored(4), stored(5)]), sender, lambda _: None)

    assert done == 0
    assert not [one for one in sender.out if one.topic.endswith(".dlq")]


def test_replay_of_many_goes_batch_by_batch() -> None:
    sender: Any = FakeSender()

    done = replay(letters_of(stored(offset) for offset in range(1200)), sender, lambda _: None)

    assert done == 1200
    assert sender.flushed == [500, 1000, 1500, 2000, 2200, 2400]
