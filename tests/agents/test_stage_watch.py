"""What a stage watches about itself."""

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from agents.bounds import check_end
from schemas.errors import BrokerError, LogTruncatedError
from tests.agents.test_measure_stage import SALES, Bench, order


@pytest.fixture
async def bench() -> Bench:
    made = Bench()
    await made.receive(order(0), order(1), order(2))
    return made


@pytest.mark.parametrize(
    ("stamp", "end", "fits"), [(-1, 0, True), (2, 3, True), (3, 3, False), (9, 3, False)]
)
def test_a_log_that_ends_before_what_was_counted_is_refused(stamp: int, end: int, fits: bool) -> None:
    if fits:
        check_end(SALES, stamp, end)
        assert stamp < end
    else:
        with pytest.raises(LogTruncatedError, match="re-created or cut"):
            check_end(SALES, stamp, end)


async def test_what_is_folded_while_the_end_is_asked_for_is_no_truncation(bench: Bench) -> None:
    async def ends(*partitions: TP) -> dict[TP, int]:
        answer = dict.fromkeys(partitions, 3)
        await bench.receive(order(3), order(4))
        return answer

    bench.consumer.ends = ends
    await bench.stage.watch._check_partitions()
    assert bench.fold.stamp == 4


async def test_a_cut_log_is_noticed_while_running(bench: Bench) -> None:
    bench.consumer.ends_known[SALES] = 2
    with pytest.raises(LogTruncatedError):
        await bench.stage.watch._check_partitions()


async def test_work_without_progress_ends_the_process_and_progress_does_not(bench: Bench) -> None:
    bench.consumer.ends_known[SALES], bench.consumer.delivered[SALES] = 100, 99
    await bench.stage.watch._check_partitions()
    bench.clock.advance(100_000)
    await bench.receive(order(3))
    await bench.stage.watch._check_partitions()
    bench.clock.advance(100_000)
    await bench.stage.watch._check_partitions()
    bench.clock.advance(100_000)
    with pytest.raises(BrokerError, match="made no progress for 200 s"):
        await bench.stage.watch._check_partitions()


async def test_panes_that_close_within_one_record_are_progress(bench: Bench) -> None:
    bench.consumer.ends_known[SALES], bench.consumer.delivered[SALES] = 100, 99
    frontier = iter(range(100))
    bench.stage.progress = lambda fold: (fold.stamp, next(frontier))
    for _ in range(5):
        await bench.stage.watch._check_partitions()
        bench.clock.advance(100_000)
    assert next(frontier) == 5


async def test_a_broker_that_says_nothing_of_ends_is_no_stall(bench: Bench) -> None:
    async def ends(*partitions: TP) -> dict[TP, int]:
        raise KafkaConnectionError("away")

    bench.consumer.ends = ends
    bench.clock.advance(1_000_000)
    await bench.stage.watch._check_partitions()
    assert bench.exits == []


async def test_partitions_that_never_come_back_end_the_process(bench: Bench) -> None:
    watch = bench.stage.watch
    watch.moving_since_ms = bench.clock.now_ms()
    watch._check_moving()
    bench.clock.advance(121_000)
    with pytest.raises(BrokerError, match="taken away and none were given for 120 s"):
        watch._check_moving()


async def test_acknowledgements_refused_for_long_end_the_process(bench: Bench) -> None:
    watch = bench.stage.watch
    watch.acknowledged(taken=False)
    bench.clock.advance(121_000)
    with pytest.raises(BrokerError, match="refuses our acknowledgements"):
        watch._check_moving()
    watch.acknowledged(taken=True)
    watch._check_moving()
    assert watch.refused_since_ms is None


async def test_the_oldest_alert_gives_way_when_too_many_wait(bench: Bench) -> None:
    for number in range(120):
        bench.stage.alert("sink", f"text {number}", on=True)
    alerts = bench.stage.watch._alerts
    assert (alerts.qsize(), alerts.get_nowait().text) == (100, "text 20")
