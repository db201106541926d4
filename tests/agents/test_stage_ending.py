"""How a stage ends: one line that says what, where and what to do, its exit code, and nothing after it."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from agents.ending import explained
from agents.topics import Topics
from schemas.errors import LogTruncatedError, TopicsError
from streams.settings import KafkaSettings
from tests.agents.test_measure_stage import SALES, Bench

LOGS = {"p.sales.v1": "mend it so", "p.cells.v1": "or so"}


@pytest.fixture
async def bench() -> Bench:
    return Bench()


def raised() -> BaseException:
    try:
        {}["absent"]
    except KeyError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (TopicsError("topic p is gone", remedy="make it"), 4, ["topic p is gone — make it"]),
        (KafkaConnectionError("away"), 4, ["away", "look at the broker", "safe to start again"]),
        (raised(), 1, ["KeyError: 'absent'", "at test_stage_ending.py:", "safe to start again"]),
    ],
    ids=["ours", "Kafka's", "unforeseen"],
)
async def test_whatever_ends_a_stage_is_one_line_with_a_remedy(
    bench: Bench, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, words: list[str]
) -> None:
    bench.stage.fail(error)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("planwatch measure: ")]
    assert bench.exits == [code]
    assert len(lines) == 1
    assert [word for word in words if word not in lines[0]] == []


def test_several_lines_of_an_error_become_one() -> None:
    assert "\n" not in str(explained(ValueError("a\nb")))


async def test_a_state_that_ends_before_what_was_acknowledged_ends_the_stage(bench: Bench) -> None:
    async def recover(tp: object) -> object:
        return bench.fold

    bench.stage.recover = recover
    bench.consumer.ends_known[SALES], bench.consumer.committed[SALES] = 100, 50
    await bench.stage._recover(SALES, had=False)
    assert bench.exits[:1] == [5]


async def test_a_topic_that_is_gone_or_another_one_is_named_with_its_remedy(bench: Bench) -> None:

    topics = Topics(KafkaSettings(), LOGS)
    topics.compare({"p.sales.v1": "a", "p.cells.v1": "b"})
    topics.compare({"p.sales.v1": "a", "p.cells.v1": "b"})
    with pytest.raises(TopicsError, match=r"topic p\.sales\.v1 was deleted — .*mend it so"):
        topics.compare({"p.cells.v1": "b"})
    with pytest.raises(LogTruncatedError, match=r"topic p\.cells\.v1 was deleted and made anew — .*or so"):
        topics.compare({"p.sales.v1": "a", "p.cells.v1": "c"})


async def test_a_topic_that_is_made_anew_between_the_start_and_the_first_check_is_noticed(
    bench: Bench,
) -> None:
    topics = bench.stage.watch.topics
    ids = iter([dict.fromkeys(bench.stage.lives_on(), "a"), dict.fromkeys(bench.stage.lives_on(), "b")])
    topics._ask = lambda: next(ids)
    bench.stage._looking = asyncio.create_task(topics.look())
    await bench.stage._recover(SALES, had=False)
    with pytest.raises(LogTruncatedError, match="made anew"):
        await topics.check()


async def test_each_stage_watches_its_logs_its_changelogs_and_the_inbox(bench: Bench) -> None:
    watched = bench.stage.lives_on()
    assert {"planwatch.sales.v1", "planwatch-measure-sales-v1-changelog", "planwatch.cells.v1"} <= set(
        watched
    )
    assert "--incidents" in watched["planwatch.inbox.v1"]
    assert "--incidents" not in watched["planwatch.sales.v1"]


class Group:
    """A Faust app that can be left, and has a generation."""

    consumer_generation_id = 1

    def __init__(self, bench: Bench) -> None:
        self.consumer, self.producer = bench.consumer, bench.producer

    async def stop(self) -> None:
        """Leave."""


async def test_a_recovery_that_is_under_way_is_broken_off(bench: Bench) -> None:
    begun = asyncio.Event()

    async def recover(tp: object) -> object:
        begun.set()
        return await asyncio.Event().wait()

    bench.stage.recover, bench.stage.app = recover, Group(bench)
    bench.stage.folds.clear()
    await bench.stage._on_assigned({SALES})
    await begun.wait()
    await asyncio.wait_for(bench.stage.stop(), timeout=5)
    assert (bench.exits, bench.stage.folds, bench.stage._recovering) == ([], {}, {})


async def test_a_recovery_whose_request_the_client_broke_off_begins_anew(bench: Bench) -> None:
    asked = []

    async def acknowledged(tp: object) -> int | None:
        asked.append(tp)
        if len(asked) == 1:
            raise asyncio.CancelledError
        return None

    async def recover(tp: object) -> object:
        return bench.fold

    bench.consumer.acknowledged, bench.stage.recover, bench.stage.app = acknowledged, recover, Group(bench)
    bench.consumer.ends_known[SALES] = 100
    bench.stage.folds.clear()
    await bench.stage._on_assigned({SALES})
    while bench.stage._recovering and not bench.exits:
        await asyncio.sleep(0)
    assert (asked, bench.exits) == ([SALES, SALES], [])
    assert bench.stage.folds == {SALES: bench.fold}


async def test_a_recovery_that_the_client_breaks_off_again_and_again_ends_the_stage(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    async def acknowledged(tp: object) -> int | None:
        raise asyncio.CancelledError

    bench.consumer.acknowledged, bench.stage.app = acknowledged, Group(bench)
    bench.stage.folds.clear()
    await bench.stage._on_assigned({SALES})
    while not bench.exits:
        await asyncio.sleep(0)
    assert bench.exits == [4]
    assert (
        "the client broke off 5 times — look at the broker; it is safe to start again"
        in capsys.readouterr().err
    )


async def test_who_is_told_to_stop_begins_with_no_partition(bench: Bench) -> None:
    bench.stage.app = Group(bench)
    await bench.stage.stop()
    bench.stage.folds.clear()
    await bench.stage._on_assigned({SALES})
    assert bench.stage._recovering == {}


async def test_a_group_that_cannot_be_left_holds_nobody_up(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    class Away:
        consumer_generation_id = 1

        async def stop(self) -> None:
            await asyncio.Event().wait()

    bench.stage.app, bench.stage.leave_s = Away(), 0.01
    await asyncio.wait_for(bench.stage.stop(), timeout=5)
    assert "all is written; the group could not be told" in caplog.text


async def test_what_fails_while_a_group_is_left_is_told(bench: Bench) -> None:
    class Broken:
        async def stop(self) -> None:
            raise KafkaConnectionError("cut off")

    bench.stage.app = Broken()
    with pytest.raises(KafkaConnectionError, match="cut off"):
        await bench.stage.stop()
