"""One publish from beginning to end: read and check every file, merge by time, send.

Everything is read before the first event is sent: a wrong map or a missing table shows before anything is on
Kafka, and unsorted files can be merged. Interrupting is always safe: event ids come from the rows.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from schemas.errors import BrokerError, InputError, TopicsError
from schemas.eventmap import EventMap
from streams.admin import Admin
from streams.broker import Outgoing, Sender
from streams.publish.checking import Checker
from streams.publish.loading import load_map
from streams.publish.mapping import Draft, MappedFile, map_of
from streams.publish.merging import Merge, Message
from streams.publish.outcome import Refused, Tally, UnusableError
from streams.publish.report import Delivery, Refusals
from streams.publish.rows import NDJSON, Skipped
from streams.publish.verbatim import VerbatimFile
from streams.settings import KafkaSettings

#: told what is done, how much of it, of how much
Bars = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be published: `limit` only the first so many events, `dry_run` none."""

    files: list[Path]
    maps: list[Path] = field(default_factory=list)
    topic: str | None = None
    limit: int | None = None
    dry_run: bool = False


class Source(Protocol):
    """A file that gives what becomes of its rows."""

    path: Path
    on_progress: Callable[[int], None]

    def outcomes(self) -> Iterator[Draft | Refused | Skipped]:
        """What becomes of each row, in the file's order."""
        ...


def publish(
    order: Order, kafka: KafkaSettings, check: Checker, refusals: Refusals, bars: Bars
) -> tuple[list[Tally], Delivery]:
    """Carry out the order: the counts of each file, and what came of sending.

    Raises InputError before anything is sent; a broker that fails later is in the delivery, with what was
    sent until then.
    """
    sources = open_files(order.files, [load_map(path) for path in order.maps])
    with closing(Merge()) as merge:
        tallies = read_files(sources, check, merge, refusals, bars)
        messages = islice(merge, order.limit)
        if order.dry_run:
            return tallies, Delivery(Counter(message.topic for message in messages), dry_run=True)
        _check_topics(kafka, merge.topics)
        with Sender(kafka) as sender:
            total = min(merge.count, order.limit or merge.count)
            return tallies, send_all(messages, sender, lambda count: bars("sending", count, total))


def open_files(paths: list[Path], maps: list[EventMap]) -> list[Source]:
    """Each file with its map; InputError names the first file that no map is for."""
    sources: list[Source] = []
    for path in paths:
        found = map_of(path, maps)
        if found is not None:
            sources.append(MappedFile(path, *found))
        elif path.suffix in NDJSON:
            sources.append(VerbatimFile(path))
        else:
            remedy = "name one with --map, or add the file's name (or a pattern) to its `files`"
            raise InputError(f"no map is for {path.name}", remedy=remedy)
    return sources


def read_files(
    sources: list[Source], check: Checker, merge: Merge, refusals: Refusals, bars: Bars
) -> list[Tally]:
    """Read every row into the merge or the refusals; the counts of each file."""
    sizes = [source.path.stat().st_size if source.path.exists() else 0 for source in sources]
    tallies: list[Tally] = []
    for number, source in enumerate(sources):
        source.on_progress = _reading(bars, sum(sizes[:number]), sum(sizes))
        tally = Tally(source.path.name)
        for outcome in source.outcomes():
            tally.rows += 1
            kept = _keep(outcome, number, check, tally, source.path.name)
            if isinstance(kept, Message):
                merge.add(kept)
            elif kept is not None:
                refusals.add(kept)
        tallies.append(tally)
    return tallies


def _reading(bars: Bars, before: int, total: int) -> Callable[[int], None]:
    return lambda done: bars("reading", before + done, total)


def _keep(
    outcome: Draft | Refused | Skipped, number: int, check: Checker, tally: Tally, file: str
) -> Message | Refused | None:
    if isinstance(outcome, Skipped):
        tally.skipped[outcome.why] += 1
        return None
    if isinstance(outcome, Draft):
        try:
            checked = check(outcome.value)
        except UnusableError as error:
            outcome = error.refusal(file, outcome.line)
        else:
            tally.events += 1
            return Message(checked.occurred_ms, number, outcome.line, *checked.record)
    tally.refused += 1
    return outcome


def _check_topics(kafka: KafkaSettings, topics: Iterable[str]) -> None:
    """Some brokers make a topic that is not there, with one partition: never let them."""
    with Admin(kafka) as admin:
        missing = sorted(set(topics) - admin.topics(topics).keys())
    if missing:
        remedy = "run `planwatch topics apply`, or correct PLANWATCH_KAFKA__PREFIX"
        raise TopicsError(f"missing: {', '.join(missing)}", remedy=remedy)


def send_all(messages: Iterable[Message], sender: Sender, on_sent: Callable[[int], None]) -> Delivery:
    """Send in order; an interruption takes no more and waits for what is on its way."""
    delivery = Delivery()
    try:
        try:
            for count, message in enumerate(messages, start=1):
                sender.send(Outgoing(message.topic, message.key, message.value))
                if count % 500 == 0:
                    on_sent(count)
        except KeyboardInterrupt:
            delivery.interrupted = True
        sender.flush()
    except BrokerError as error:
        delivery.stopped = error
    delivery.sent, delivery.failed, delivery.error = sender.sent, sender.failed, sender.error
    return delivery
