"""Reading state back keeps Python's garbage collector still, and lets it work again whatever happens."""

import gc

import pytest

from streams.state import collector_still


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
