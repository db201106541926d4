"""A happening is one line and one count; text from outside stays inside its line; secrets stay out."""

import io
import logging
from collections.abc import Iterator
from dataclasses import fields

import pytest

from streams.telemetry import Health, Telemetry, setup_logging
from streams.telemetry.happenings import (
    HAPPENINGS,
    NoticeDone,
    PartSetAside,
    PointsRefused,
    PointsWritten,
    SinkFailed,
    TierChanged,
    name_of,
)
from streams.telemetry.logs import BURST, BURST_SECONDS, Throttle
from streams.telemetry.metrics import gauge_family
from streams.telemetry.registry import COMBINATIONS
from streams.telemetry.text import one_line, quoted, redact
from tests.fakes_output import sample


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the process logs, with the root logger put back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    setup_logging("evaluate", "INFO", ["s3cret-token"], stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_happening_makes_its_line_and_its_count_at_once(log: io.StringIO) -> None:
    telemetry = Telemetry("evaluate", process=False)
    telemetry.tell(TierChanged("revenue_down", "region=East", "red", "orange", "worse", 60_000, silent=False))
    (line,) = log.getvalue().splitlines()
    assert line.split(" ", 2)[1:] == [
        "INFO",
        'evaluate tier_changed rule=revenue_down scope="region=East" tier=red previous=orange cause=worse '
        "end_ms=60000 silent=False",
    ]
    assert sample(telemetry, "planwatch_transitions_total", tier="red", cause="worse") == 1


def test_happening_counts_its_amount_even_when_it_writes_no_line(log: io.StringIO) -> None:
    telemetry = Telemetry("evaluate", process=False)
    telemetry.tell(PointsWritten("influx", 5000))
    telemetry.tell(PointsWritten("influx", 7))
    assert sample(telemetry, "planwatch_sink_written_points_total", sink="influx") == 5007
    assert log.getvalue() == ""


def test_happening_that_comes_often_is_written_once_in_its_time_and_counted_always(log: io.StringIO) -> None:
    clock = Hands()
    telemetry = Telemetry("evaluate", process=False, clock=clock)
    for _ in range(4):
        telemetry.tell(SinkFailed("influx", "no_answer", 0, "refused", 0.5))
    clock.now = SinkFailed.every_s
    telemetry.tell(SinkFailed("influx", "no_answer", 0, "refused", 0.5))
    lines = log.getvalue().splitlines()
    assert len(lines) == 2
    assert "suppressed=3" in lines[1]
    assert sample(telemetry, "planwatch_sink_retries_total", sink="influx", cause="no_answer") == 5


def test_labels_beyond_the_limit_count_under_other() -> None:
    telemetry = Telemetry("respond", process=False)
    for number in range(COMBINATIONS + 5):
        telemetry.tell(NoticeDone(f"channel{number}", "sent", "n-1"))
    assert sample(telemetry, "planwatch_notices_total", channel="channel0", outcome="sent") == 1
    assert sample(telemetry, "planwatch_notices_total", channel="other", outcome="other") == 5


@pytest.mark.parametrize("kind", HAPPENINGS, ids=lambda kind: kind.__name__)
def test_every_happening_has_bounded_labels_that_are_fields_and_says_what_it_is(kind: type) -> None:
    names = {field.name for field in fields(kind)}
    assert set(kind.labels) <= names
    assert not {"incident", "notice", "offset", "value", "scope", "text", "line"} & set(kind.labels)
    assert not kind.amount or kind.amount in names
    assert kind.__doc__
    assert name_of(kind).islower()


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines",
        "return\rover",
        "\x1b[2Jclear",
        "\u202egnp.exe",
        "line\u2028end",
        "\x85next",
        "\ud800lone",
        "\x00",
    ],
    ids=["newline", "return", "escape", "bidi", "separator", "next_line", "surrogate", "nul"],
)
def test_hostile_text_stays_inside_its_line(log: io.StringIO, text: str) -> None:
    Telemetry("evaluate", process=False).tell(PointsRefused("influx", "bad_line", 1, text, "why"))
    logging.getLogger("someone").warning("said %s", text)
    written = log.getvalue()
    assert len(written.splitlines()) == 2
    assert written.replace("\n", "").isprintable()


def test_text_that_is_too_long_is_cut_and_says_how_long_it_was() -> None:
    assert one_line("x" * 5000).endswith("… (5000 characters)")
    assert len(quoted("y z" * 5000)) < 2100


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("token s3cret-token refused", "s3cret-token"),
        ("headers {'Authorization': 'Token abc:def'}", "abc:def"),
        ("https://oapi.example/robot/send?access_token=f00&timestamp=1", "f00"),
        ("https://qyapi.example/cgi-bin/webhook/send?key=693a-91", "693a-91"),
        ("http://planwatch:hunter2@db:8086 refused", "hunter2"),
        ("https://open.example/open-apis/bot/v2/hook/aaaa-bbbb", "aaaa-bbbb"),
    ],
    ids=["known", "header", "dingtalk", "wecom", "userinfo", "feishu"],
)
def test_secret_is_never_written(log: io.StringIO, text: str, secret: str) -> None:
    logging.getLogger("someone").error("%s", text)
    assert secret not in log.getvalue()
    assert "***" in log.getvalue()
    assert secret not in redact(text)


def test_exception_is_part_of_its_line(log: io.StringIO) -> None:
    try:
        raise ValueError("half\nhalf")
    except ValueError as error:
        Telemetry("evaluate", process=False).tell(PartSetAside("rule", "r1", "raised"), error)
    (line,) = log.getvalue().splitlines()
    assert 'error="ValueError: half\\nhalf"' in line
    assert "test_telemetry.py" in line


def test_libraries_are_heard_from_warning_on_and_not_in_a_flood(log: io.StringIO) -> None:
    for name in ("faust.app", "mode.services", "aiokafka.consumer"):
        logging.getLogger(name).info("chatter")
    assert log.getvalue() == ""
    for number in range(BURST + 20):
        logging.getLogger("aiokafka.consumer").warning("heartbeat failed %d", number)
    assert len(log.getvalue().splitlines()) == BURST
    assert BURST_SECONDS > 10


def test_flood_of_a_library_is_counted_in_its_next_line() -> None:
    clock = Hands()
    throttle = Throttle(burst=2, clock=clock)

    def passed(number: int) -> logging.LogRecord | None:
        record = logging.LogRecord("aiokafka", logging.WARNING, "", 0, "failed %d", (number,), None)
        return record if throttle.filter(record) else None

    assert [bool(passed(number)) for number in range(5)] == [True, True, False, False, False]
    clock.now = BURST_SECONDS
    record = passed(6)
    assert record is not None
    assert record.suppressed == 3


def test_part_of_metrics_that_raises_is_left_out_and_counted(log: io.StringIO) -> None:
    telemetry = Telemetry("evaluate", process=False)

    def broken() -> list[object]:
        raise KeyError("gone")

    telemetry.register("broken", broken)
    telemetry.register("sound", lambda: [gauge_family("planwatch_sound", "Still there.")])
    assert "planwatch_sound" in {family.name for family in telemetry.registry.collect()}
    assert sample(telemetry, "planwatch_scrapes_failed_total", part="broken") >= 1
    assert "scrape_failed part=broken" in log.getvalue()


def test_health_is_ready_when_only_warnings_stand_and_tells_each_change_once() -> None:
    health, seen = Health(["starting"]), []
    health.watch(lambda reason, on: seen.append((reason.name, on)))
    health.warn("sink", "down")
    health.warn("sink", "still down")
    assert not health.ready
    health.clear("starting")
    health.clear("starting")
    assert health.ready
    assert seen == [("sink", True), ("starting", False)]
    assert health.as_json() == {"ready": True, "reasons": {}, "warnings": {"sink": "still down"}}


def test_a_full_sink_is_not_ready_and_told_but_what_is_held_stays_current() -> None:
    health = Health()
    health.block("sink_full", "no room", tell=True)
    assert (health.ready, health.current) == (False, True)
    health.block("recovering", "reading back")
    assert not health.current
    assert [(reason.name, reason.told) for reason in health.reasons()] == [
        ("recovering", False),
        ("sink_full", True),
    ]
