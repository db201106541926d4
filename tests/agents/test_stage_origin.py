"""The origin of a state: written before any row, once, and held against the topics of today."""

import orjson
import pytest

from agents.origin import ORIGIN, Rows, check_origin, mark_of
from agents.topics import Topics
from schemas.errors import BrokerError, LogTruncatedError, StateError
from streams.settings import KafkaSettings
from tests.agents.test_measure_stage import CHANGELOG, SALES, Bench, order

REMEDIES = {"sales": "mend it so", "cells": "or so", "changelog": "count anew"}


def rows_of(*records: tuple[bytes, bytes | None]) -> Rows:
    rows = Rows(lambda key, value: None)
    for key, value in records:
        rows.take(key, value)
    return rows


def origin(**ids: str) -> tuple[bytes, bytes]:
    return ORIGIN, orjson.dumps(ids)


def test_the_origin_is_kept_back_and_the_rest_goes_on_in_order() -> None:
    seen: list[tuple[bytes, bytes | None]] = []
    rows = Rows(lambda key, value: seen.append((key, value)))
    for record in ((b"a", b"1"), origin(sales="x"), (b"a", None)):
        rows.take(*record)
    assert (seen, rows.count, rows.origin) == ([(b"a", b"1"), (b"a", None)], 2, {"sales": "x"})


@pytest.mark.parametrize(
    "records",
    [[], [origin(sales="x", cells="y")], [origin(sales="", cells="y"), (b"a", b"1")]],
    ids=["nothing was begun", "begun on these", "begun on a broker without ids"],
)
def test_a_state_is_whole_on_the_topics_it_was_begun_on(records: list[tuple[bytes, bytes | None]]) -> None:
    check_origin("changelog", rows_of(*records), {"sales": "x", "cells": "y"}, REMEDIES)
    check_origin("changelog", rows_of(*records), {}, REMEDIES)


def test_rows_of_another_mark_are_left_out_and_those_without_any_are_not() -> None:
    seen: list[bytes] = []
    rows = Rows(lambda key, value: seen.append(key), mark_of("x"))
    mine, other, plain = (f"page\x00{mark}0a1b".encode() for mark in (mark_of("x") + "-", "abcdef-", ""))
    for key in (mine, other, plain):
        rows.take(key, b"1")
    assert (seen, rows.count) == ([mine, plain], 2)


def test_rows_without_a_beginning_are_refused() -> None:
    with pytest.raises(StateError, match=r"changelog has rows and not their beginning.* — count anew"):
        check_origin("changelog", rows_of((b"a", b"1")), {"sales": "x"}, REMEDIES)


@pytest.mark.parametrize(("topic", "remedy"), [("sales", "mend it so"), ("cells", "or so")])
def test_another_topic_by_the_same_name_is_refused_with_its_remedy(topic: str, remedy: str) -> None:
    now = {"sales": "x", "cells": "y"} | {topic: "another"}
    with pytest.raises(LogTruncatedError, match=rf"topic {topic} was deleted and made anew.*: {remedy}"):
        check_origin("changelog", rows_of(origin(sales="x", cells="y")), now, REMEDIES)


@pytest.fixture
async def bench() -> Bench:
    """One whose changelog is what it has written itself, on topics that all have the id `a`."""
    made = Bench()
    made.stage.folds.clear()
    made.stage.watch.topics._ask = lambda: dict.fromkeys(made.stage.lives_on(), "a")

    async def read(bootstrap: str, topic: str, partition: int, apply) -> int:
        for one in made.producer.sent:
            if one.topic == topic:
                apply(one.key, one.value)
        return 0

    made.stage.origins.reader = read
    made.consumer.ends_known[SALES] = 10
    return made


async def take_over(bench: Bench) -> None:
    bench.stage.folds.clear()
    await bench.stage._recover(SALES, had=False)


async def test_the_first_owner_writes_the_origin_before_anything_else_and_nobody_writes_it_again(
    bench: Bench,
) -> None:
    await take_over(bench)
    fold = bench.stage.folds[SALES]
    await bench.stage.receive(SALES, fold, [order(0)])
    await bench.stage.write()
    await take_over(bench)

    keys = [one.key for one in bench.producer.sent if one.topic == CHANGELOG]
    assert keys[0] == ORIGIN
    assert keys.count(ORIGIN) == 1
    assert orjson.loads(bench.producer.values(CHANGELOG)[0]) == {SALES.topic: "a", "planwatch.cells.v1": "a"}
    assert (bench.exits, bench.stage.folds[SALES].stamp) == ([], 0)


async def test_where_what_was_acknowledged_is_not_there_no_origin_is_written(bench: Bench) -> None:
    bench.consumer.committed[SALES] = 5
    await take_over(bench)
    assert bench.exits == [5]
    assert bench.producer.values(CHANGELOG) == []


async def test_rows_that_a_worker_still_wrote_into_a_new_changelog_end_the_next_one(bench: Bench) -> None:
    await take_over(bench)
    bench.producer.sent.clear()  # the changelog is made anew, and the owner does not know yet
    await bench.stage.receive(SALES, bench.stage.folds[SALES], [order(0)])
    await bench.stage.write()
    await take_over(bench)
    assert bench.exits == [5]
    assert SALES not in bench.stage.folds


async def test_rows_of_another_life_of_the_changelog_are_read_by_nobody(bench: Bench) -> None:
    await take_over(bench)
    slept = bench.stage.folds[SALES]
    bench.producer.sent.clear()
    bench.stage.watch.topics = topics_of(bench, "b")  # all is made anew while the owner sleeps
    await take_over(bench)
    await bench.stage.receive(SALES, bench.stage.folds[SALES], [order(0)])
    await bench.stage.write()
    bench.consumer.owner = False
    bench.stage.folds[SALES] = slept
    await bench.stage.receive(SALES, slept, [order(number) for number in range(5)])
    await bench.stage.write()
    await take_over(bench)
    assert (bench.exits, bench.stage.folds[SALES].stamp) == ([], 0)


async def test_a_state_that_somebody_else_goes_on_with_while_it_is_read_is_no_lost_one(bench: Bench) -> None:
    reader = bench.stage.origins.reader

    async def overtaken(*what) -> int:
        count = await reader(*what)
        bench.consumer.committed[SALES] = 7
        return count

    bench.stage.origins.reader = overtaken
    await take_over(bench)
    assert bench.exits == []


async def test_no_origin_is_written_with_ids_that_are_out_of_date(bench: Bench) -> None:
    await bench.stage.watch.topics.look()
    bench.stage.watch.topics._ask = lambda: dict.fromkeys(bench.stage.lives_on(), "b")
    await take_over(bench)
    assert bench.exits == [4]
    assert bench.producer.values(CHANGELOG) == []


async def test_what_an_old_broker_could_not_say_is_written_when_a_newer_one_can(bench: Bench) -> None:
    for known in ("", "a"):
        bench.stage.watch.topics = topics_of(bench, known)
        await take_over(bench)
    written = [orjson.loads(value)[SALES.topic] for value in bench.producer.values(CHANGELOG)]
    assert (written, bench.exits) == (["", "a"], [])


def topics_of(bench: Bench, known: str) -> Topics:
    """What a process that starts now knows of topics that all have this id."""
    topics = Topics(KafkaSettings(), bench.stage.lives_on())
    topics._ask = lambda: dict.fromkeys(bench.stage.lives_on(), known)
    return topics


async def test_ids_are_asked_for_until_the_broker_has_told_of_every_topic() -> None:
    answers = iter([None, None, {"sales": "a"}, {"sales": "b", "cells": "c"}])
    topics = Topics(KafkaSettings(), {"sales": "mend it so", "cells": "or so"})
    topics._ask = lambda: next(answers)
    await topics.look()
    with pytest.raises(BrokerError, match="no broker tells"):
        await topics.ids()
    assert await topics.ids() == {"sales": "a"}
    assert await topics.ids() == {"sales": "a", "cells": "c"}
    assert await topics.ids() == {"sales": "a", "cells": "c"}
