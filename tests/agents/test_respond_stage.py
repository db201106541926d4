"""The respond agent: state is confirmed before anything goes out; what was sent comes back as a receipt."""

import asyncio

import orjson
import pytest
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from agents.respond import RespondStage
from schemas.records import CatalogueRecord, Notice, Receipt, SelfAlert, Tick, Transition
from streams.app import Wiring
from streams.clock import SettableClock
from streams.engine.respond import Response
from streams.settings import Settings
from streams.telemetry import Health, Telemetry
from tests.agents.stage_fakes import FakeConsumer, FakeProducer
from tests.catalogues import default_catalogue

INBOX = TP("planwatch.inbox.v1", 0)
CHANGELOG = "planwatch-respond-inbox-v1-changelog"
NOW_MS = 1_773_108_000_000


class FakeDispatcher:
    """Takes notices; sends none."""

    def __init__(self, journal: list[str]) -> None:
        self.journal = journal
        self.notices: list[Notice] = []
        self.on_receipt = self.on_alert = None
        self.stopped = False

    async def submit(self, notice: Notice) -> None:
        self.journal.append("submit")
        self.notices.append(notice)

    async def stop(self, deadline_s: float = 5.0) -> int:
        self.stopped = True
        return 0


class Bench:
    """A stage that owns the inbox, with fakes at its ports."""

    def __init__(self) -> None:
        self.catalogue = default_catalogue()
        self.clock = SettableClock(NOW_MS)
        self.journal: list[str] = []
        self.producer, self.consumer = FakeProducer(self.journal), FakeConsumer(self.journal)
        self.dispatchers: list[FakeDispatcher] = []
        self.stage = RespondStage(
            Wiring(Settings(), self.catalogue, self.clock),
            1,
            Health(),
            Telemetry("respond", process=False),
            self._dispatcher,
        )
        self.stage.app.producer, self.stage.app.consumer = self.producer, self.consumer
        self.fold = Response("me")
        self.stage.folds[INBOX] = self.fold
        self.offset = 0

    def _dispatcher(self) -> FakeDispatcher:
        self.dispatchers.append(FakeDispatcher(self.journal))
        return self.dispatchers[-1]

    async def receive(self, *records: object) -> None:
        batch = []
        for record in records:
            value = record.model_dump_json(by_alias=True).encode()
            batch.append(
                ConsumerRecord(
                    topic=INBOX.topic, partition=0, offset=self.offset, timestamp=self.clock.now_ms(),
                    timestamp_type=0, key=b"k", value=value, checksum=None, serialized_key_size=1,
                    serialized_value_size=len(value), headers=[],
                )
            )  # fmt: skip
            self.offset += 1
        await self.stage.receive(INBOX, self.fold, batch)


def red() -> Transition:
    return Transition(
        rule="one_star_review", scope={"region": "East"}, tier="yellow", previous="none", cause="worse",
        end_ms=NOW_MS, kpi="one_star_reviews", window="1h", value=1.0, expected=0.0, departure=1.0,
        threshold=1.0, since_ms=NOW_MS, catalogue="v",
    )  # fmt: skip


@pytest.fixture
async def bench() -> Bench:
    made = Bench()
    await made.stage.owned(INBOX)
    made.journal.clear()
    return made


async def test_a_notice_goes_out_after_its_state_is_confirmed_and_acknowledged(bench: Bench) -> None:
    await bench.receive(CatalogueRecord(catalogue=bench.catalogue), red())
    assert len(bench.dispatchers[0].notices) == 1
    assert (
        bench.journal.index("submit")
        > bench.journal.index("acknowledge")
        > bench.journal.index(f"send {CHANGELOG}")
    )
    assert bench.consumer.committed == {INBOX: 2}


async def test_a_notice_that_is_made_while_the_stage_stops_is_left_to_the_next_owner(bench: Bench) -> None:
    dispatcher = bench.dispatchers[0]
    stopping, going_on = asyncio.Event(), asyncio.Event()

    async def stop(deadline_s: float = 5.0) -> int:
        stopping.set()
        await going_on.wait()
        return 0

    dispatcher.stop = stop
    ending = asyncio.create_task(bench.stage.stop())
    await stopping.wait()
    await bench.receive(CatalogueRecord(catalogue=bench.catalogue), red())
    going_on.set()
    ending.cancel()
    await asyncio.gather(ending, return_exceptions=True)
    assert dispatcher.notices == []
    assert len(bench.fold.pending()) == 1


async def test_after_a_takeover_only_what_has_no_receipt_in_the_log_is_sent_again(bench: Bench) -> None:
    await bench.receive(CatalogueRecord(catalogue=bench.catalogue), red())
    (notice,) = bench.fold.pending()
    bench.consumer.ends_known[INBOX] = bench.offset + 2
    await bench.stage.owned(INBOX)
    dispatcher = bench.dispatchers[-1]
    await bench.receive(Tick())
    assert dispatcher.notices == []
    await bench.receive(Receipt(notice=notice.id, outcome="sent", detail=""))
    assert dispatcher.notices == []


async def test_after_a_takeover_what_waits_goes_in_its_order_once_the_log_has_been_read(bench: Bench) -> None:
    await bench.receive(CatalogueRecord(catalogue=bench.catalogue), red())
    bench.consumer.ends_known[INBOX] = bench.offset + 2
    await bench.stage.owned(INBOX)
    dispatcher = bench.dispatchers[-1]
    await bench.receive(red().model_copy(update={"scope": {"region": "West"}}))
    assert dispatcher.notices == []
    await bench.receive(Tick())
    assert dispatcher.notices == bench.fold.pending()
    assert len(dispatcher.notices) == 2


async def test_nothing_goes_out_when_the_state_is_not_confirmed(bench: Bench) -> None:
    bench.producer.hold = True
    bench.stage.sender._timeout_s = 0.05
    with pytest.raises(Exception, match="did not confirm a write"):
        await bench.receive(CatalogueRecord(catalogue=bench.catalogue), red())
    assert bench.dispatchers[0].notices == []


async def test_what_has_no_receipt_is_sent_again_by_the_next_owner(bench: Bench) -> None:
    await bench.receive(CatalogueRecord(catalogue=bench.catalogue), red())
    first = bench.dispatchers[0].notices[0]
    await bench.stage.lost(INBOX)
    await bench.stage.owned(INBOX)
    assert bench.dispatchers[0].stopped
    assert [notice.id for notice in bench.dispatchers[1].notices] == [first.id]


async def test_a_receipt_is_written_to_the_inbox_and_ends_the_waiting(bench: Bench) -> None:
    await bench.receive(CatalogueRecord(catalogue=bench.catalogue), red())
    receipt = Receipt(notice=bench.dispatchers[0].notices[0].id, outcome="sent")
    await bench.dispatchers[0].on_receipt(receipt)
    assert orjson.loads(bench.producer.values(INBOX.topic)[-1] or b"")["type"] == "receipt"
    await bench.receive(receipt)
    assert bench.fold.pending() == []


async def test_ticks_alone_are_noted_only_now_and_then(bench: Bench) -> None:
    await bench.receive(CatalogueRecord(catalogue=bench.catalogue))
    written = len(bench.producer.sent)
    await bench.receive(Tick())
    assert len(bench.producer.sent) == written
    bench.clock.advance(31_000)
    await bench.receive(Tick())
    assert len(bench.producer.sent) > written


async def test_what_is_wrong_with_a_channel_becomes_an_alert(bench: Bench) -> None:
    alert = SelfAlert(what="channel_failing", subject="mail", on=True, tier="yellow", text="no", at_ms=1)
    await bench.dispatchers[0].on_alert(alert)
    told = bench.stage.watch._alerts.get_nowait()
    assert (told.what, told.subject, told.on) == ("channel_failing", "mail", True)


async def test_the_page_shows_the_incident(bench: Bench) -> None:
    await bench.receive(CatalogueRecord(catalogue=bench.catalogue), red())
    shown = bench.stage.answer("/incidents")
    assert [one["rule"] for one in shown["incidents"]] == ["one_star_review"]
    assert bench.stage.snapshot()["incidents"] == 1


async def test_a_stage_without_its_partition_stands_by(bench: Bench) -> None:
    bench.stage.folds.clear()
    assert bench.stage.snapshot() == {"stage": "respond", "standby": True}
    assert bench.stage.answer("/incidents") == {"incidents": []}


async def test_nothing_is_written_or_sent_before_the_last_state_is_acknowledged(bench: Bench) -> None:
    bench.consumer.owner = False  # the group may have given the inbox to another worker
    await bench.receive(CatalogueRecord(catalogue=bench.catalogue), red())
    written = len(bench.producer.values(CHANGELOG))
    await bench.receive(SelfAlert(what="lag", subject="s", on=True, tier="yellow", text="t", at_ms=NOW_MS))
    await bench.stage.write()
    assert len(bench.producer.values(CHANGELOG)) == written > 0
    assert bench.dispatchers[0].notices == []
    bench.consumer.owner = True
    await bench.receive(Tick())
    assert (bench.consumer.committed, len(bench.dispatchers[0].notices)) == ({INBOX: 4}, 2)


async def test_a_commit_that_was_acknowledged_late_holds_up_no_newer_notice(bench: Bench) -> None:
    bench.consumer.owner = False
    await bench.receive(CatalogueRecord(catalogue=bench.catalogue), Tick())
    bench.consumer.owner = True
    await bench.receive(red())
    assert len(bench.dispatchers[0].notices) == 1
    assert bench.consumer.committed == {INBOX: 3}


async def test_a_poll_of_a_fold_that_was_lost_notes_nothing_for_its_successor(bench: Bench) -> None:
    stage = bench.stage
    bench.producer.hold = True
    polling = asyncio.create_task(bench.receive(CatalogueRecord(catalogue=bench.catalogue), Tick()))
    while not bench.producer.sent:
        await asyncio.sleep(0)
    heir = Response("heir")
    stage.folds[INBOX] = heir
    stage._version = stage._written = heir.version
    while not polling.done():
        bench.producer.confirm()
        await asyncio.sleep(0)
    await polling
    bench.producer.hold = False
    await stage.write()
    assert (stage._written, bench.consumer.committed) == (-1, {})
