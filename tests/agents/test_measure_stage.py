"""The measure agent: decode, fold, send in the one order that is safe, acknowledge, dead letter."""

import asyncio
from functools import partial
from typing import Any

import orjson
import pytest
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from agents.measure import MeasureStage
from streams.app import Wiring
from streams.clock import SettableClock
from streams.engine.measure import Limits, MeasureRows, SourceFold
from streams.engine.measure_rows import keyed
from streams.settings import Settings
from streams.telemetry import Health, Telemetry
from tests.agents.stage_fakes import FakeConsumer, FakeProducer
from tests.catalogues import default_catalogue

SALES = TP("planwatch.sales.v1", 0)
CHANGELOG = "planwatch-measure-sales-v1-changelog"
CELLS = "planwatch.cells.v1"
DLQ = "planwatch.sales.v1.dlq"
NOW_MS = 1_773_108_000_000


def record(offset: int, value: bytes | None, at_ms: int = NOW_MS) -> ConsumerRecord:
    return ConsumerRecord(
        topic=SALES.topic, partition=0, offset=offset, timestamp=at_ms, timestamp_type=0, key=b"k",
        value=value, checksum=None, serialized_key_size=1, serialized_value_size=len(value or b""),
        headers=[("trace", b"7")],
    )  # fmt: skip


def order(offset: int) -> ConsumerRecord:
    event = {
        "kind": "order", "event_id": f"e{offset}", "occurred_at": NOW_MS, "dimensions": {"region": "East"},
        "order_id": "o", "line": 1, "customer_id": "c", "amount": "12.50", "currency": "CNY", "quantity": 1,
    }  # fmt: skip
    return record(offset, orjson.dumps(event))


class Bench:
    """A stage that owns one partition, with fakes at its ports."""

    def __init__(self) -> None:
        catalogue = default_catalogue()
        self.clock = SettableClock(NOW_MS)
        wiring = Wiring(Settings(), catalogue, self.clock)
        self.journal: list[str] = []
        self.producer = FakeProducer(self.journal)
        self.consumer = FakeConsumer(self.journal)
        self.stage = MeasureStage(wiring, 1, Health(), Telemetry("measure", process=False))
        self.stage.watch.topics._ask = lambda: dict.fromkeys(self.stage.lives_on(), "")
        self.stage.app.producer = self.producer
        self.stage.app.consumer = self.consumer
        self.exits: list[int] = []
        self.stage.die = self.exits.append
        self.fold = SourceFold(SALES.topic, 0, catalogue, "me")
        self.stage.folds[SALES] = self.fold

    async def receive(self, *records: ConsumerRecord) -> None:
        await self.stage.receive(SALES, self.fold, list(records))

    def ledgers(self) -> list[dict[str, Any]]:
        values = [orjson.loads(value) for value in self.producer.values(CELLS) if value]
        return [value for value in values if value["type"] == "ledger" and not value["opened"]]


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_events_become_pages_then_a_ledger_then_an_acknowledgement(bench: Bench) -> None:
    await bench.receive(order(0), order(1))
    await bench.stage.write()
    kinds = [orjson.loads(value)["type"] for value in bench.producer.values(CELLS) if value]
    assert kinds == ["ledger", "page", "ledger"]  # the first opens after silence
    assert bench.ledgers()[-1]["counts"]["counted"] == 2
    assert bench.consumer.committed == {SALES: 2}
    assert bench.journal[-1] in ("acknowledge", f"send {CHANGELOG}")  # tombstones may follow, nothing else


async def test_a_ledger_is_not_sent_before_the_broker_has_the_pages(bench: Bench) -> None:
    bench.producer.hold = True
    await bench.receive(order(0))
    writing = asyncio.create_task(bench.stage.write())
    while not bench.producer.values(CHANGELOG):
        await asyncio.sleep(0)
    assert bench.ledgers() == []
    assert bench.consumer.committed == {}
    bench.producer.hold = False
    bench.producer.confirm()
    await writing
    assert [ledger["stamp"] for ledger in bench.ledgers()] == [0]


@pytest.mark.parametrize("topic", [CELLS, CHANGELOG, DLQ], ids=["cells", "changelog", "dead letters"])
async def test_nothing_is_acknowledged_when_a_write_fails(bench: Bench, topic: str) -> None:
    bench.producer.fail_topic, bench.producer.error = topic, KafkaError("no")
    await bench.receive(order(0), record(1, b"not json"))
    with pytest.raises(Exception, match="was not confirmed"):
        await bench.stage.write()
    assert bench.consumer.committed == {}


async def test_no_tombstone_is_written_once_the_ownership_has_ended(bench: Bench) -> None:
    await bench.receive(order(0))
    await bench.stage.write()
    bench.consumer.owner = False
    await bench.receive(record(1, order(1).value, NOW_MS + 10 * 60_000))
    late = orjson.loads(order(2).value) | {"occurred_at": NOW_MS + 10 * 60_000, "event_id": "later"}
    await bench.receive(record(2, orjson.dumps(late), NOW_MS + 10 * 60_000))
    await bench.stage.write()
    assert None not in bench.producer.values(CHANGELOG)


async def test_what_is_refused_is_a_dead_letter_with_its_bytes_and_the_remedy(bench: Bench) -> None:
    await bench.receive(record(0, b"not json"), record(1, None))
    await bench.stage.write()
    letters = [one for one in bench.producer.sent if one.topic == DLQ]
    headers = dict(letters[0].headers)
    assert [letter.value for letter in letters] == [b"not json", None]
    assert letters[0].key == b"k"
    assert headers["trace"] == b"7"
    assert (headers["planwatch-topic"], headers["planwatch-offset"]) == (b"planwatch.sales.v1", b"0")
    assert headers["planwatch-reason"] == b"not_json"
    assert headers["planwatch-remedy"]
    assert bench.ledgers()[-1]["counts"]["refused"] == 2


async def test_nothing_new_is_nothing_written(bench: Bench) -> None:
    await bench.receive(order(0))
    await bench.stage.write()
    sent = len(bench.producer.sent)
    await bench.stage.write()
    assert len(bench.producer.sent) == sent


async def test_a_batch_of_an_earlier_generation_is_not_folded(bench: Bench) -> None:
    class Message:
        tp, value, generation_id = SALES, [order(5)], -99

    await bench.stage._on_batch(Message())
    assert bench.fold.stamp == -1


async def test_an_error_in_the_fold_ends_the_process_without_acknowledging(bench: Bench) -> None:
    class Message:
        tp, value, generation_id = SALES, None, bench.stage.app.consumer_generation_id

    await bench.stage._on_batch(Message())
    assert bench.exits == [1]
    assert bench.consumer.committed == {}


async def test_a_partition_that_was_read_to_its_end_is_declared_idle_once_it_is_silent(bench: Bench) -> None:
    await bench.receive(order(0))
    await bench.stage.write()
    bench.clock.advance(31_000)
    await bench.stage._declare_idle(SALES)
    assert (bench.ledgers()[-1]["idle"], bench.ledgers()[-1]["idle_ms"]) == (True, 31_000)
    assert [ledger.idle for ledger in bench.stage.ledgers()] == [True]
    await bench.receive(order(1))
    assert [ledger.idle for ledger in bench.stage.ledgers()] == [False]


async def test_ownership_begins_with_roster_layout_and_ledger(bench: Bench) -> None:
    await bench.stage.owned(SALES)
    records = [orjson.loads(value) for value in bench.producer.values(CELLS) if value]
    assert [one["type"] for one in records] == ["roster", "layout", "ledger"]
    assert records[0]["partitions"] == dict.fromkeys(bench.stage.inputs(), 1)


async def test_lag_is_what_lies_beyond_the_stamp(bench: Bench) -> None:
    await bench.receive(order(0), order(1))
    bench.consumer.ends_known[SALES] = 10
    assert bench.stage.lag() == {SALES: 8}


async def test_records_without_a_fold_end_the_process(bench: Bench) -> None:
    del bench.stage.folds[SALES]
    await bench.stage._on_batch(message(bench, order(0)))
    assert bench.exits == [5]


async def test_records_that_come_while_partitions_move_are_left_to_the_next_owner(bench: Bench) -> None:
    del bench.stage.folds[SALES]
    bench.stage.watch.moving_since_ms = NOW_MS
    await bench.stage._on_batch(message(bench, order(0)))
    assert bench.exits == []


async def test_an_acknowledgement_ahead_of_the_state_ends_the_process(bench: Bench) -> None:
    bench.consumer.sought[SALES] = 1000
    await bench.stage._on_batch(message(bench, order(1000)))
    assert bench.exits == [5]
    assert bench.fold.stamp == -1


async def test_records_that_were_deleted_unread_are_alerted_and_the_rest_is_counted(bench: Bench) -> None:
    await bench.stage._on_batch(message(bench, order(0)))
    bench.stage._begun.clear()
    bench.consumer.sought[SALES], bench.consumer.begin = 1, 200
    await bench.stage._on_batch(message(bench, order(200)))
    assert (bench.exits, bench.fold.stamp) == ([], 200)
    alert = bench.stage.watch._alerts.get_nowait()
    assert (alert.what, alert.text) == (
        "records_lost_unread",
        "199 records of planwatch.sales.v1/0 were deleted unread",
    )


async def test_a_partition_with_batches_that_wait_is_not_at_rest(bench: Bench) -> None:
    await bench.receive(order(0))
    bench.consumer.ends_known[SALES] = 5
    bench.consumer.delivered[SALES] = 4
    assert not await bench.stage.at_rest(SALES, 5)
    bench.consumer.delivered[SALES] = 0
    assert await bench.stage.at_rest(SALES, 5)


async def test_a_fold_whose_time_is_over_acknowledges_nothing(bench: Bench) -> None:
    await bench.receive(order(0))
    former = bench.fold
    bench.stage.folds[SALES] = SourceFold(SALES.topic, 0, bench.stage.wiring.catalogue, "heir")
    await bench.stage._flush(SALES, former)
    assert bench.consumer.committed == {}
    assert bench.producer.sent == []


def message(bench: Bench, *records: ConsumerRecord) -> Any:
    """A batch as the transport hands it over, of this generation."""

    class Message:
        tp, value, generation_id = SALES, list(records), bench.stage.app.consumer_generation_id

    return Message()


async def test_a_partition_that_is_heard_while_a_flush_is_written_is_not_idle(bench: Bench) -> None:
    await bench.receive(order(0))
    await bench.stage.write()
    bench.clock.advance(31_000)
    lock = bench.stage._writing[SALES]
    await lock.acquire()
    declaring = asyncio.create_task(bench.stage._declare_idle(SALES))
    while not lock._waiters:
        await asyncio.sleep(0)
    await bench.receive(order(1))
    lock.release()
    await declaring
    assert [ledger["idle"] for ledger in bench.ledgers()] == [False]
    assert [ledger.idle for ledger in bench.stage.ledgers()] == [False]


async def test_a_poll_that_waited_until_its_partition_was_lost_is_folded_by_nobody(bench: Bench) -> None:
    stage, former = bench.stage, bench.fold
    stage._flushing[SALES] = bench.clock.now_ms() - 20_000
    lock = stage._writing[SALES] = asyncio.Lock()
    await lock.acquire()
    waiting = asyncio.create_task(bench.receive(record(0, b"not json")))
    while not lock._waiters:
        await asyncio.sleep(0)
    await stage._drop({SALES})
    stage.folds[SALES] = SourceFold(SALES.topic, 0, stage.wiring.catalogue, "heir")
    lock.release()
    await waiting
    assert (former.stamp, stage._refused) == (-1, {})


async def test_what_lies_ahead_on_another_basis_is_finished_before_ours_begins(bench: Bench) -> None:
    """The stage reads its changelog back twice: as the dead left it, and once that is answered for."""
    former = await taken_over(bench, 2)
    await bench.stage.owned(SALES)
    await bench.stage.receive(SALES, former, [order(0)])
    assert (former.until, bench.ledgers()[-1]["stamp"]) == (1, -1)

    await bench.stage.receive(SALES, former, [order(1), order(2)])

    heir = bench.stage.folds[SALES]
    assert (heir.until, heir.stamp, heir.ledger().counts.counted) == (None, 2, 3)
    assert bench.consumer.committed == {SALES: 2}
    await bench.stage.write()
    written = [one.key.partition(b"|")[0] for one in bench.producer.sent if one.topic == CHANGELOG]
    ours = written.index(b"basis")
    assert written[:ours].count(b"page") == 1  # of the former one
    assert written[ours + 1] == b"page"


async def test_records_that_the_log_has_lost_do_not_keep_a_former_basis_in_force(bench: Bench) -> None:
    former = await taken_over(bench, 2)

    await bench.stage.receive(SALES, former, [order(5), order(6)])

    heir = bench.stage.folds[SALES]
    assert (heir.until, heir.stamp, heir.ledger().counts.counted) == (None, 6, 2)


async def test_a_partition_lost_while_a_former_basis_is_finished_gets_no_heir(bench: Bench) -> None:
    former = await taken_over(bench, 1)
    bench.producer.hold = True
    receiving = asyncio.create_task(bench.stage.receive(SALES, former, [order(0), order(1)]))
    while not bench.producer.values(CHANGELOG):
        await asyncio.sleep(0)

    del bench.stage.folds[SALES]
    bench.producer.hold = False
    bench.producer.confirm()
    await receiving

    assert bench.stage.folds == {}


async def taken_over(bench: Bench, count: int) -> SourceFold:
    """The stage's fold after somebody who counted on another basis has died before the ledger."""
    rows = MeasureRows()
    dead = SourceFold(SALES.topic, 0, bench.stage.wiring.catalogue, "dead", limits=Limits(value_bytes=9_999))
    dead.fold([order(number) for number in range(count)])
    flush = dead.flush()
    assert flush is not None
    for key, value in (*flush.adoption, *flush.rows):
        rows.apply(key, value)
    bench.stage.read_rows = partial(read_again, rows, bench)
    fold = bench.stage.folds[SALES] = await bench.stage.recover(SALES)
    return fold


async def read_again(rows: MeasureRows, bench: Bench, _: TP, apply: Any) -> None:
    """What was in the changelog, and what the stage has written into it since."""
    for one in bench.producer.sent:
        if one.topic == CHANGELOG:
            rows.apply(one.key, one.value)
    for name, by_owner in rows._rows.items():
        for owner, value in by_owner.items():
            apply(keyed(name, owner), value)
