"""A catalogue that changes while panes are open: what already waits is not forgotten."""

import orjson

from schemas.catalogue import Catalogue
from schemas.records import CatalogueRecord, Roster
from streams.catalogue import default_folder, load_catalogue
from streams.engine.evaluate import Evaluation
from streams.engine.measure import SourceFold

NOW_MS = 1_773_108_000_000
TOPIC = "planwatch.feedback.v1"


class Record:
    """A record of the source partition."""

    def __init__(self, offset: int) -> None:
        event = {
            "kind": "review", "event_id": f"r{offset}", "occurred_at": NOW_MS, "rating": 1,
            "text": "x", "dimensions": {"region": "East"},
        }  # fmt: skip
        self.offset, self.timestamp, self.value = offset, NOW_MS, orjson.dumps(event)


def with_enter(catalogue: Catalogue, enter: float) -> Catalogue:
    rule = catalogue.rules["one_star_review"]
    rung = rule.ladder["yellow"].model_copy(update={"enter": enter})
    changed = rule.model_copy(update={"ladder": {"yellow": rung}})
    return catalogue.model_copy(update={"rules": {**catalogue.rules, rule.id: changed}})


def test_pages_that_wait_count_under_the_next_catalogue() -> None:
    catalogue = load_catalogue(default_folder())
    fold, source, told, offset = Evaluation("me"), SourceFold(TOPIC, 0, catalogue, "m"), [], 0

    def feed(*values: bytes) -> None:
        nonlocal offset
        for value in values:
            fold.fold(offset, NOW_MS, value)
            offset += 1
            told.extend(t.rule for outcome in fold.advance() for t in outcome.transitions)

    def flushed(number: int) -> list[bytes]:
        source.fold([Record(number)])
        flush = source.flush()
        assert flush is not None
        return [*flush.pages, flush.ledger.model_dump_json().encode()]

    def record(version: Catalogue) -> bytes:
        return CatalogueRecord(catalogue=version).model_dump_json(by_alias=True).encode()

    feed(record(with_enter(catalogue, 3)), Roster(partitions={TOPIC: 1}).model_dump_json().encode())
    feed(*flushed(0))
    assert told == []
    feed(record(with_enter(catalogue, 2)), *flushed(1))
    assert told == ["one_star_review"]
