"""A batch on its way: the one bad line among thousands goes, and nothing else does."""

import re
from collections.abc import Callable

import pytest

from streams.exporters.influx.delivery import Delivery, Verdict, judge
from streams.exporters.influx.transport import Reply
from streams.telemetry import Telemetry
from tests.fakes_output import WRITTEN, FakeInflux, sample

LINES = [f"kpi,kpi=k value={n}.0 {n}" for n in range(1000)]
PARSE = "unable to parse 'x': missing fields"


def refusing(bad: set[str], text: str, status: int = 400) -> Callable[[list[str]], Reply]:
    return lambda lines: Reply(status, text) if bad & set(lines) else WRITTEN


def delivery(transport: FakeInflux, most: int = 5000) -> tuple[Delivery, Telemetry]:
    telemetry = Telemetry("evaluate", process=False)
    return Delivery(transport, telemetry, most), telemetry


def refused(telemetry: Telemetry, reason: str) -> float:
    return sample(telemetry, "planwatch_sink_refused_points_total", sink="influx", reason=reason)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *[(status, Verdict.WRITTEN) for status in (200, 204)],
        *[(status, Verdict.AGAIN) for status in (0, 408, 429, 500, 502, 503, 504)],
        *[(status, Verdict.HALVE) for status in (400, 413, 422)],
        *[(status, Verdict.MISCONFIGURED) for status in (301, 307, 401, 403, 404, 405, 415)],
    ],
)
def test_status_means(status: int, verdict: Verdict) -> None:
    assert judge(status) is verdict


@pytest.mark.parametrize("text", [PARSE, "something else"], ids=["names_a_line", "names_nothing"])
@pytest.mark.parametrize("places", [[0], [999], [500], [3, 4], [0, 333, 998]], ids=str)
async def test_only_the_bad_lines_are_left_out_and_the_rest_keeps_its_order(
    places: list[int], text: str
) -> None:
    bad = {LINES[place] for place in places}
    fake = FakeInflux(refusing(bad, text))
    way, telemetry = delivery(fake)
    attempt = await way.attempt(LINES)
    assert (attempt.rest, attempt.verdict) == ([], Verdict.WRITTEN)
    kept = list(dict.fromkeys(fake.stored))
    assert set(kept) == set(LINES) - bad
    assert fake.stored[-len(kept) :] == [line for line in LINES if line not in bad]
    assert refused(telemetry, "bad_line") == len(places)
    assert len(fake.calls) < 25 * len(places) + 10


async def test_bad_line_is_shown_with_what_the_server_says(caplog: pytest.LogCaptureFixture) -> None:
    way, _ = delivery(FakeInflux(refusing({LINES[7]}, PARSE)))
    await way.attempt(LINES)
    (record,) = [item for item in caplog.records if getattr(item, "happening", "") == "points_refused"]
    assert record.fields == {
        "sink": "influx",
        "reason": "bad_line",
        "count": 1,
        "line": LINES[7],
        "text": PARSE,
    }


async def test_batch_that_is_too_large_is_halved_and_stays_smaller() -> None:
    fake = FakeInflux(lambda lines: Reply(413, "too large") if len(lines) > 300 else WRITTEN)
    way, _ = delivery(fake)
    await way.attempt(LINES)
    assert fake.stored == LINES
    assert way.most == 250


async def test_line_that_is_too_large_alone_is_refused() -> None:
    way, telemetry = delivery(FakeInflux(lambda _: Reply(413, "too large")))
    assert (await way.attempt(LINES[:3])).rest == []
    assert (refused(telemetry, "too_large"), way.most) == (3, 1)


@pytest.mark.parametrize("status", [429, 503, 0])
async def test_what_was_not_written_when_the_server_stops_taking_is_the_rest(status: int) -> None:
    fake = FakeInflux(
        lambda lines: WRITTEN if lines[0] in LINES[:250] and len(lines) <= 250 else Reply(413, "")
    )
    fake.answer = lambda lines: (
        Reply(413, "")
        if len(lines) > 250
        else WRITTEN
        if lines[0] == LINES[0]
        else Reply(status, "busy", 7.0)
    )
    attempt = await delivery(fake)[0].attempt(LINES)
    assert attempt.rest == LINES[250:]
    assert attempt.reply == Reply(status, "busy", 7.0)
    assert attempt.verdict is Verdict.AGAIN


async def test_refusal_that_is_no_line_s_fault_costs_no_line() -> None:
    fake = FakeInflux(lambda _: Reply(400, "organization name is required"))
    way, telemetry = delivery(fake)
    attempt = await way.attempt(LINES)
    assert (attempt.rest, attempt.verdict) == (LINES, Verdict.MISCONFIGURED)
    assert refused(telemetry, "bad_line") == 0
    assert len(fake.calls) < 20


async def test_points_beyond_retention_are_counted_in_one_request() -> None:
    fake = FakeInflux(lambda _: Reply(400, "partial write: points beyond retention policy dropped=3"))
    way, telemetry = delivery(fake)
    assert (await way.attempt(LINES)).rest == []
    assert refused(telemetry, "beyond_retention") == 3
    assert sample(telemetry, "planwatch_sink_written_points_total", sink="influx") == 997
    assert len(fake.calls) == 1


async def test_batch_of_which_the_server_says_that_it_dropped_all_is_not_halved() -> None:
    fake = FakeInflux(lambda lines: Reply(400, f"partial write: field type conflict dropped={len(lines)}"))
    way, telemetry = delivery(fake)
    assert (await way.attempt(LINES)).rest == []
    assert refused(telemetry, "bad_line") == 1000
    assert len(fake.calls) == 1


async def test_nothing_to_send_sends_nothing() -> None:
    fake = FakeInflux()
    assert (await delivery(fake)[0].attempt([])).verdict is Verdict.WRITTEN
    assert fake.calls == []
    assert not re.search("x", "".join(fake.stored))
