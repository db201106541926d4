"""The number of an ownership: written before the state is read, by who is known to be the owner then."""

import asyncio

import pytest

from agents.claim import CLAIM, claim
from agents.origin import Rows
from schemas.errors import StateError
from schemas.records import CatalogueRecord
from streams.engine.row_codec import decode_commit, decode_row
from tests.agents.stage_fakes import Place
from tests.agents.test_respond_stage import CHANGELOG, INBOX, Bench, red


@pytest.fixture
async def bench() -> Bench:
    """One whose changelog is what it has written itself."""
    made = Bench()
    made.stage.folds.clear()
    made.stage.die = pytest.fail
    made.stage.watch.topics._ask = lambda: dict.fromkeys(made.stage.lives_on(), "a")

    async def read(bootstrap: str, topic: str, partition: int, apply) -> int:
        made.journal.append("read")
        for one in made.producer.sent:
            if one.topic == topic:
                apply(one.key, one.value)
        return 0

    made.stage.origins.reader = read
    return made


async def take_over(bench: Bench) -> None:
    bench.stage.folds.clear()
    bench.consumer.ends_known[INBOX] = bench.offset
    await bench.stage._recover(INBOX, had=False)
    bench.fold = bench.stage.folds[INBOX]


def claims_of(bench: Bench) -> list[int]:
    """The numbers in the commit rows, in the order in which they were written."""
    rows = [one for one in bench.producer.sent if one.topic == CHANGELOG and one.value]
    bodies = [decode_row(one.value)[0].body for one in rows if one.key.startswith(b"commit")]
    return [decode_commit(body).claim for body in bodies]


async def test_the_record_is_confirmed_then_the_ownership_and_only_then_the_state_is_read(
    bench: Bench,
) -> None:
    await take_over(bench)
    assert bench.journal[:3] == [f"send {CHANGELOG}", "acknowledge", "read"]
    assert bench.producer.sent[0].key == CLAIM


async def test_a_later_owner_has_a_higher_number_also_where_nothing_was_committed_between(
    bench: Bench,
) -> None:
    await take_over(bench)
    slept = bench.fold
    await take_over(bench)
    await bench.receive(CatalogueRecord(catalogue=bench.catalogue), red())
    bench.stage.folds[INBOX] = bench.fold = slept
    bench.offset, bench.stage._written = 0, -1
    await bench.receive(CatalogueRecord(catalogue=bench.catalogue))
    second, first = claims_of(bench)
    assert first < second


async def test_what_was_acknowledged_stays_as_it_was(bench: Bench) -> None:
    bench.offset = 7
    bench.consumer.committed[INBOX] = 0
    await take_over(bench)
    assert bench.consumer.committed == {INBOX: 0}


async def test_who_is_overtaken_reads_nothing_until_the_next_assignment_ends_it(bench: Bench) -> None:
    bench.consumer.owner = False
    waiting = asyncio.create_task(claim(bench.stage, INBOX))
    while "acknowledge" not in bench.journal:
        await asyncio.sleep(0)
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert (done, "read" in bench.journal) == (set(), False)
    assert bench.stage.watch.refused_since_ms is not None
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()


async def test_who_reads_a_later_owners_commit_waits_for_the_next_assignment(bench: Bench) -> None:
    await take_over(bench)
    bench.producer.sent[:0] = bench.producer.sent[:1] * 5  # the later owner's record lies further on
    await take_over(bench)
    await bench.receive(CatalogueRecord(catalogue=bench.catalogue))
    del bench.producer.sent[:5]
    bench.consumer.ends_known[INBOX] = bench.offset
    late = asyncio.create_task(bench.stage.recover(INBOX))
    done, _ = await asyncio.wait([late], timeout=0.2)
    assert (done, bench.journal[-1]) == (set(), "read")
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)


async def test_a_record_of_which_nobody_says_where_it_is_ends_the_stage(bench: Bench) -> None:
    bench.producer.hold = True
    waiting = asyncio.create_task(claim(bench.stage, INBOX))
    while not bench.producer.sent:
        await asyncio.sleep(0)
    bench.producer.sent[0].confirmation.set_result(Place(-1))
    with pytest.raises(StateError, match="did not tell where"):
        await waiting


def test_a_claim_is_no_row_of_the_state() -> None:
    seen: list[bytes] = []
    rows = Rows(lambda key, value: seen.append(key))
    rows.take(CLAIM, b"")
    assert (seen, rows.count) == ([], 0)
