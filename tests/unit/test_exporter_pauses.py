"""Waits between attempts: growing, with jitter, at least what the server asks, never for ever."""

import random

import pytest

from streams.exporters.influx.pauses import FIRST_SECONDS, LONGEST_SECONDS, MISCONFIGURED_SECONDS, Pauses
from streams.exporters.influx.transport import retry_after_s


def test_pauses_double_up_to_a_limit_and_begin_anew_after_success() -> None:
    pauses = Pauses(draw=random.Random(1))
    waits = [pauses.after_failure(None, misconfigured=False) for _ in range(40)]
    for number, wait in enumerate(waits):
        step = min(LONGEST_SECONDS, FIRST_SECONDS * 2**number)
        assert step / 2 <= wait <= step
    pauses.reset()
    assert pauses.after_failure(None, misconfigured=False) <= FIRST_SECONDS


def test_wait_that_the_server_asks_for_is_kept_up_to_five_minutes() -> None:
    assert Pauses().after_failure(12.0, misconfigured=False) == 12.0
    assert Pauses().after_failure(86_400.0, misconfigured=False) == 300.0


def test_wrong_settings_are_tried_again_slowly_from_the_start() -> None:
    wait = Pauses().after_failure(None, misconfigured=True)
    assert MISCONFIGURED_SECONDS / 2 <= wait <= MISCONFIGURED_SECONDS


def test_two_workers_do_not_wait_alike() -> None:
    assert Pauses().after_failure(None, misconfigured=False) != Pauses().after_failure(
        None, misconfigured=False
    )


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("3", 3.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 60.0),
        ("soon", None),
        ("-1", None),
    ],
    ids=["none", "empty", "seconds", "date", "word", "negative"],
)
def test_retry_after_is_read(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header) == seconds
