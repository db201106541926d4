"""Reading state back keeps Python's garbage collector still, and lets it work again whatever happens."""

import asyncio
import gc

import pytest

from streams.state import Sender, collector_still


def test_the_collector_is_still_until_the_last_reader_is_done() -> None:
    first, second = collector_still(), collector_still()
    with first:
        second.__enter__()
        assert not gc.isenabled()
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()


def test_the_collector_works_again_after_a_reader_that_failed() -> None:
    with pytest.raises(ValueError, match="unreadable"), collector_still():
        raise ValueError("unreadable")
    assert gc.isenabled()


async def test_records_on_their_way_are_not_taken_back_when_who_waits_gives_up() -> None:
    sender = Sender(lambda: pytest.fail("nothing is sent here"), timeout_s=10.0)
    on_its_way: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(sender.confirmed([on_its_way]))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not on_its_way.cancelled()
    on_its_way.set_result(None)
    await sender.confirmed([on_its_way])
    assert on_its_way.done()
