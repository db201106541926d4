"""What could not be read: the letters of the `.dlq` topics, and sending them to their source again.

A letter is one refused record, known by its source topic, partition and offset, with its original bytes,
key and headers. Replaying sends it to the *same source partition* again and then leaves a mark in the DLQ
topic, so that everybody sees that it was replayed. An interruption between the two sends it once more when
it is repeated; the dedupe of its event id, which works within a source partition, then counts it once.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from streams.broker import Headers, Outgoing, Sender, Stored

_OURS = "planwatch-"
#: the header that a replayed record carries: the letter's id
REPLAYED = "planwatch-replayed"
#: the header that makes a DLQ record a mark instead of a letter: the id of the letter that was replayed
MARK = "planwatch-mark-replayed"
_BATCH = 500


@dataclasses.dataclass(slots=True)
class Letter:
    """One refused record. `where` is the DLQ topic and partition it lies in, `at_ms` when it was refused."""

    topic: str
    partition: int
    offset: int
    where: tuple[str, int]
    at_ms: int
    reason: str
    field: str
    value: str
    remedy: str
    key: bytes | None
    body: bytes | None
    headers: Headers = dataclasses.field(default_factory=list)
    replayed: bool = False

    @property
    def id(self) -> str:
        """Its source topic, partition and offset: `planwatch.sales.v1/3/1042`."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    def as_record(self, *, with_body: bool = False) -> dict[str, Any]:
        """For programs; bytes that are no UTF-8 are escaped."""
        record = {
            "id": self.id,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "refused_at_ms": self.at_ms,
            "reason": self.reason,
            "field": self.field,
            "value": self.value,
            "remedy": self.remedy,
            "replayed": self.replayed,
        }
        if with_body:
            record |= {
                "key": _shown(self.key),
                "body": _shown(self.body),
                "headers": [[name, _shown(value)] for name, value in self.headers],
            }
        return record


def _shown(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "backslashreplace")


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def letter_of(record: Stored) -> Letter | None:
    """The letter that a DLQ record is; None when it is a mark, or nothing of ours."""
    ours = {name: _text(value) for name, value in record.headers if name.startswith(_OURS)}
    topic, partition, offset = (ours.get(_OURS + name, "") for name in ("topic", "partition", "offset"))
    if MARK in ours or not (topic and partition.isdecimal() and offset.isdecimal()):
        return None
    return Letter(
        topic,
        int(partition),
        int(offset),
        (record.topic, record.partition),
        record.timestamp,
        ours.get(_OURS + "reason", ""),
        ours.get(_OURS + "field", ""),
        ours.get(_OURS + "value", ""),
        ours.get(_OURS + "remedy", ""),
        record.key,
        record.value,
        [(name, value) for name, value in record.headers if not name.startswith(_OURS)],
    )


def letters_of(records: Iterable[Stored]) -> list[Letter]:
    """The letters in DLQ records, oldest first; one that stands twice (after a crash) is there once."""
    letters: dict[str, Letter] = {}
    replayed: set[str] = set()
    for record in records:
        letter = letter_of(record)
        if letter is not None:
            letters.setdefault(letter.id, letter)
        replayed.update(_text(value) for name, value in record.headers if name == MARK)
    for letter_id in replayed & letters.keys():
        letters[letter_id].replayed = True
    return sorted(letters.values(), key=lambda letter: (letter.at_ms, letter.id))


def replay(letters: Iterable[Letter], sender: Sender, on_sent: Callable[[int], None]) -> int:
    """Send letters to their source partitions again and mark them; how many were confirmed and marked.

    Works in batches: sent and confirmed, then marked and confirmed. BrokerError from the sender.
    """
    done = 0
    for batch in _batches(letters):
        failed = sender.failed
        for letter in batch:
            headers = [*letter.headers, (REPLAYED, letter.id.encode())]
            sender.send(Outgoing(letter.topic, letter.key, letter.body, headers, letter.partition))
        sender.flush()
        if sender.failed > failed:
            break
        for letter in batch:
            topic, partition = letter.where
            mark = [(MARK, letter.id.encode())]
            sender.send(Outgoing(topic, letter.id.encode(), None, mark, partition))
        sender.flush()
        done += len(batch)
        on_sent(done)
    return done


def _batches(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    batch: list[Letter] = []
    for letter in letters:
        batch.append(letter)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
