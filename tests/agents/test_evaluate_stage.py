"""The evaluate agent: transitions before state, state only behind the exporters, acknowledgement last."""

import asyncio

import orjson
import pytest
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from agents.evaluate import EvaluateStage
from agents.ownership import Ownership
from schemas.errors import LogTruncatedError, StateError
from schemas.records import CatalogueRecord, ClosedPeriod, Ledger, Roster
from streams.app import Wiring
from streams.clock import SettableClock
from streams.engine.evaluate import Evaluation, Outcome, Problem
from streams.engine.measure import SourceFold
from streams.settings import Settings
from streams.telemetry import Health, Telemetry
from tests.agents.stage_fakes import FakeConsumer, FakeProducer
from tests.catalogues import default_catalogue

CELLS = TP("planwatch.cells.v1", 0)
CHANGELOG = "planwatch-evaluate-cells-v1-changelog"
INBOX = "planwatch.inbox.v1"
NOW_MS = 1_773_108_000_000


class FakeExporters:
    """Takes figures; says how far they are safe."""

    def __init__(self) -> None:
        self.safe = 2**62
        self.figures = 0
        self.handed_over = 0

    def put(self, figures, version: int) -> None:
        self.figures += len(figures)

    def put_transitions(self, transitions, rank, version: int) -> None: ...

    def safe_version(self) -> int:
        return self.safe

    async def pace(self) -> None: ...

    def hand_over(self) -> None:
        self.handed_over += 1


class Bench:
    """A stage that owns the cells partition, with fakes at its ports."""

    def __init__(self) -> None:
        self.catalogue = default_catalogue()
        wiring = Wiring(Settings(), self.catalogue, SettableClock(NOW_MS))
        self.journal: list[str] = []
        self.producer, self.consumer = FakeProducer(self.journal), FakeConsumer(self.journal)
        self.exporters = FakeExporters()
        self.stage = EvaluateStage(wiring, 1, Health(), Telemetry("evaluate", process=False), self.exporters)
        self.stage.app.producer, self.stage.app.consumer = self.producer, self.consumer
        self.fold = Evaluation("me")
        self.stage.folds[CELLS] = self.fold
        self.offset = 0

    async def receive(self, *values: bytes) -> None:
        records = []
        for value in values:
            records.append(
                ConsumerRecord(
                    topic=CELLS.topic, partition=0, offset=self.offset, timestamp=NOW_MS, timestamp_type=0,
                    key=b"k", value=value, checksum=None, serialized_key_size=1,
                    serialized_value_size=len(value), headers=[("planwatch-arrived", b"1773107999000")],
                )
            )  # fmt: skip
            self.offset += 1
        await self.stage.receive(CELLS, self.fold, records)

    async def begin(self) -> None:
        """A catalogue, one source partition, and a review of rating 1."""
        source = SourceFold("planwatch.feedback.v1", 0, self.catalogue, "m")
        event = {
            "kind": "review", "event_id": "r", "occurred_at": NOW_MS, "rating": 1,
            "text": "x", "dimensions": {"region": "East"},
        }  # fmt: skip
        source.fold([_Record(0, NOW_MS, orjson.dumps(event))])
        flush = source.flush()
        assert flush is not None
        layout = CatalogueRecord(catalogue=self.catalogue).model_dump_json(by_alias=True).encode()
        roster = Roster(partitions={"planwatch.feedback.v1": 1}).model_dump_json().encode()
        await self.receive(layout, roster, *flush.pages, flush.ledger.model_dump_json().encode())


class _Record:
    def __init__(self, offset: int, timestamp: int, value: bytes) -> None:
        self.offset, self.timestamp, self.value = offset, timestamp, value


@pytest.fixture
async def bench() -> Bench:
    return Bench()


def transitions(bench: Bench) -> list[str]:
    values = [orjson.loads(value) for value in bench.producer.values(INBOX) if value]
    return [one["rule"] for one in values if one["type"] == "transition"]


async def test_one_bad_review_becomes_a_transition_at_once(bench: Bench) -> None:
    await bench.begin()
    assert transitions(bench) == ["one_star_review"]


async def test_state_is_written_after_the_transitions_and_acknowledged_last(bench: Bench) -> None:
    await bench.begin()
    await bench.stage.write()
    sent = [line for line in bench.journal if line != f"send {INBOX}"]
    assert bench.journal.index(f"send {INBOX}") < bench.journal.index(f"send {CHANGELOG}")
    assert sent.index("acknowledge") > sent.index(f"send {CHANGELOG}")
    assert bench.stage.snapshot()["committed"] == 3


async def test_no_state_is_written_while_a_transition_is_not_confirmed(bench: Bench) -> None:
    bench.producer.hold = True
    await bench.begin()
    bench.stage.sender._timeout_s = 0.05
    with pytest.raises(Exception, match="did not confirm a write"):
        await bench.stage.write()
    assert bench.producer.values(CHANGELOG) == []
    assert bench.consumer.committed == {}


async def test_a_commit_waits_until_every_exporter_is_that_far(bench: Bench) -> None:
    bench.exporters.safe = 1
    await bench.begin()
    await bench.stage.write()
    assert bench.producer.values(CHANGELOG) == []
    bench.exporters.safe = 3
    await bench.stage.write()
    assert bench.producer.values(CHANGELOG) != []


async def test_the_acknowledgement_leaves_what_still_waits_to_be_read_again(bench: Bench) -> None:
    await bench.begin()
    await bench.stage.write()
    assert bench.consumer.committed == {CELLS: 2}  # the page is in a pane that has not closed


async def test_respond_is_told_how_far_has_been_judged(bench: Bench) -> None:
    await bench.begin()
    ledger = Ledger(topic="planwatch.feedback.v1", partition=0, stamp=5, watermark_ms=NOW_MS + 120_000)
    await bench.receive(ledger.model_dump_json().encode())
    await bench.stage.write()
    ticks = [orjson.loads(value) for value in bench.producer.values(INBOX) if b'"tick"' in (value or b"")]
    assert [tick["frontier_ms"] for tick in ticks] == [NOW_MS + 120_000]


async def test_the_way_from_event_to_transition_is_measured(bench: Bench) -> None:
    await bench.begin()
    families = {family.name: family for family in bench.stage.telemetry.registry.collect()}
    samples = {
        sample.name: sample.value for sample in families["planwatch_event_to_transition_seconds"].samples
    }
    assert samples["planwatch_event_to_transition_seconds_count"] == 1
    assert samples["planwatch_event_to_transition_seconds_sum"] == pytest.approx(1.0)


async def test_figures_are_given_to_the_exporters_and_the_page(bench: Bench) -> None:
    await bench.begin()
    ledger = Ledger(topic="planwatch.feedback.v1", partition=0, stamp=5, watermark_ms=NOW_MS + 120_000)
    await bench.receive(ledger.model_dump_json().encode())
    shown = bench.stage.answer("/figures")
    reviews = [
        f for f in shown["figures"] if (f["kpi"], f["window"], f["level"]) == ("reviews", "1h", "company")
    ]
    assert [figure["value"] for figure in reviews] == [1.0]
    assert bench.exporters.figures > 0


async def test_a_fold_that_is_lost_while_exporters_are_waited_for_is_judged_no_further(bench: Bench) -> None:
    await bench.begin()
    told: list[int] = []

    async def lost() -> None:
        told.append(bench.exporters.figures)
        bench.stage.folds.clear()

    bench.exporters.pace = lost
    ledger = Ledger(topic="planwatch.feedback.v1", partition=0, stamp=5, watermark_ms=NOW_MS + 86_400_000)
    await bench.receive(ledger.model_dump_json().encode())
    assert told == [bench.exporters.figures]


async def test_others_have_the_loop_while_a_pane_closes_and_find_nothing_half_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.evaluate._BREATH_S", -1.0)
    await bench.begin()
    await bench.stage.write()
    before = len(bench.producer.values(CHANGELOG))
    ledger = Ledger(topic="planwatch.feedback.v1", partition=0, stamp=5, watermark_ms=NOW_MS + 120_000)
    closing = asyncio.create_task(bench.receive(ledger.model_dump_json().encode()))
    met = 0
    while not closing.done():
        await asyncio.sleep(0)
        if bench.fold._state.is_closing:
            met += 1
            await bench.stage.write()
            assert len(bench.producer.values(CHANGELOG)) == before
        if met == 20:
            shown, status = bench.stage.answer("/figures"), bench.stage.snapshot()
            assert not bench.fold._state.is_closing
            assert shown["frontier_ms"] == status["frontier_ms"] == bench.fold.frontier_ms
            assert {figure["end_ms"] for figure in shown["figures"]} == {bench.fold.frontier_ms}
    assert met >= 20
    await bench.stage.write()
    assert len(bench.producer.values(CHANGELOG)) > before
    assert bench.exporters.figures > 0


async def test_the_stage_is_the_owner_while_the_broker_takes_its_last_acknowledgement_again(
    bench: Bench,
) -> None:
    assert not await bench.stage.is_owner()  # nothing was acknowledged yet
    await bench.begin()
    await bench.stage.write()
    before = dict(bench.consumer.committed)
    assert await bench.stage.is_owner()
    assert bench.consumer.committed == before
    bench.consumer.owner = False
    assert not await bench.stage.is_owner()
    bench.stage.folds.clear()
    bench.consumer.owner = True
    assert not await bench.stage.is_owner()


async def test_before_its_first_commit_an_owner_acknowledges_what_was_acknowledged_when_it_began(
    bench: Bench,
) -> None:
    await bench.begin()
    await bench.stage.write()
    bench.consumer.committed[CELLS] = 0
    bench.stage.commits.begin(bench.fold, 0)
    assert bench.fold.replay_from > 0
    assert await bench.stage.is_owner()
    assert bench.consumer.committed == {CELLS: 0}


async def test_exporters_hear_that_the_partition_is_lost(bench: Bench) -> None:
    await bench.stage.lost(CELLS)
    assert bench.exporters.handed_over == 1


async def test_closed_periods_are_asked_for_through_the_log_and_written_again(bench: Bench) -> None:
    await bench.begin()
    day = NOW_MS // 86_400_000 * 86_400_000 + 16 * 3_600_000  # the end of the day in Shanghai
    ledger = Ledger(topic="planwatch.feedback.v1", partition=0, stamp=5, watermark_ms=day + 120_000)
    await bench.receive(ledger.model_dump_json().encode())
    before = bench.exporters.figures
    await bench.stage.write_again([ClosedPeriod(kpi="reviews", window="day", end_ms=day, scope={})])
    (asked,) = bench.producer.values(CELLS.topic)
    assert bench.exporters.figures == before
    await bench.receive(asked)
    assert bench.exporters.figures == before + 1


async def test_exporters_are_answered_by_the_stage_once_there_is_one(bench: Bench) -> None:
    ownership = Ownership(bench.catalogue)
    assert not await ownership.is_owner()
    with pytest.raises(StateError, match="not begun"):
        await ownership.write_again([])
    ownership.stage = bench.stage
    await bench.begin()
    await bench.stage.write()
    assert await ownership.is_owner()
    await ownership.write_again([ClosedPeriod(kpi="reviews", window="day", end_ms=0, scope={})])
    assert len(bench.producer.values(CELLS.topic)) == 1


def test_periods_close_in_the_business_time_zone() -> None:
    ownership = Ownership(default_catalogue())
    midnight = 1_772_294_400_000  # 1 March 2026 in Shanghai, a Sunday
    assert ownership.closing(midnight) == {"day", "month"}
    assert ownership.closing(midnight + 86_400_000) == {"day", "week"}
    assert ownership.closing(midnight + 8 * 3_600_000) == set()


async def test_a_stage_without_its_partition_stands_by(bench: Bench) -> None:
    bench.stage.folds.clear()
    assert bench.stage.snapshot() == {"stage": "evaluate", "standby": True}
    assert bench.stage.answer("/figures") == {"frontier_ms": None, "figures": []}


async def test_cells_that_were_deleted_unread_stop_the_stage(bench: Bench) -> None:
    with pytest.raises(LogTruncatedError, match=r"7 records .* were deleted before they were evaluated"):
        bench.stage.missing(CELLS, 7)


async def test_a_catalogue_that_is_not_in_the_log_is_put_there(bench: Bench) -> None:
    await bench.stage.owned(CELLS)
    assert [orjson.loads(value)["type"] for value in bench.producer.values(CELLS.topic) if value] == [
        "catalogue"
    ]


async def test_nothing_newer_is_written_before_the_last_state_is_acknowledged(bench: Bench) -> None:
    bench.consumer.owner = False  # the group may have given the topic to another worker
    await bench.begin()
    await bench.stage.write()
    written = len(bench.producer.values(CHANGELOG))
    ledger = Ledger(topic="planwatch.feedback.v1", partition=0, stamp=5, watermark_ms=NOW_MS + 120_000)
    await bench.receive(ledger.model_dump_json().encode())
    await bench.stage.write()
    assert (len(bench.producer.values(CHANGELOG)), bench.stage.snapshot()["committed"]) == (written, -1)
    bench.consumer.owner = True
    await bench.stage.write()
    assert (bench.consumer.committed, bench.stage.snapshot()["committed"]) == ({CELLS: 2}, 3)
    await bench.stage.write()
    assert bench.consumer.committed == {CELLS: 5}


def aside_said(bench: Bench) -> list[tuple[str, bool]]:
    values = [orjson.loads(value) for value in bench.producer.values(INBOX) if value]
    return [(one["subject"], one["on"]) for one in values if one["type"] == "self_alert"]


async def test_what_is_set_aside_and_mended_is_in_the_inbox_before_the_state(bench: Bench) -> None:
    await bench.begin()
    await bench.stage.write()
    problem = Problem("rule", "one_star_review", "ValueError: wrong")
    await bench.stage._emit(Outcome(0, problems=[problem]), 5)
    await bench.stage._emit(Outcome(0, mended=[problem]), 5)
    assert aside_said(bench) == [("rule one_star_review", True), ("rule one_star_review", False)]
    assert len(bench.stage.commits.pending) == 2  # the next commit waits for them


async def test_a_new_owner_says_again_what_is_set_aside(bench: Bench) -> None:
    await bench.begin()
    closing = bench.fold._state.closing
    assert closing is not None
    closing.set_aside("rule", "one_star_review", "ValueError: wrong")
    await bench.stage.owned(CELLS)
    alert = bench.stage.watch._alerts.get_nowait()
    assert (alert.what, alert.subject, alert.on) == ("part_set_aside", "rule one_star_review", True)
