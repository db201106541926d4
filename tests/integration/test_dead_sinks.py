"""InfluxDB and a webhook dead for the whole run, and a KPI that raises: no event waits, people hear of it.

When they come back, every point is there, in order, and equal to a recount of what was sent.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.installation import BEGIN_MS, Installation, counts
from tests.servers.kafka import KafkaCluster
from tests.servers.planwatch import Stage
from tests.servers.sink import Sink
from tests.servers.waiting import http, wait_until

pytestmark = pytest.mark.timeout(180)
ORDERS, STEP_MS, QUEUE = 9_000, 100, 4_000
MINUTE = 60_000
BROKEN = """\
id: broken
title: {en: Beyond all numbers, zh: 超出范围}
unit: count
better: higher
measures:
  orders: {event: order, count: true, where: {line: 1}}
value: orders * 1e200 * 1e200
dimensions: all
scopes: [[]]
"""
POINT = re.compile(r"kpi,kpi=orders,level=company,window=5m value=([0-9.e+]+)\S* (\d+)")


@pytest.fixture
def sinks() -> Iterator[tuple[Sink, Sink]]:
    """An InfluxDB and a webhook that are not there yet."""
    influx, hook = Sink(), Sink()
    yield influx, hook
    influx.stop()
    hook.stop()


def recount() -> dict[int, float]:
    """The end of each five minutes (epoch ms) → the orders in them, from what was sent."""
    minutes = Counter((BEGIN_MS + number * STEP_MS) // MINUTE for number in range(ORDERS))
    last = max(minutes)
    ends = range(min(minutes) + 1, last + 2)
    return {end * MINUTE: float(sum(minutes[end - back] for back in range(1, 6))) for end in ends}


def waiting_points(stage: Stage) -> dict[str, float]:
    """Points that wait for InfluxDB, by place."""
    found = re.findall(r'planwatch_sink_waiting_points\{.*place="(\w+)".*\} (\S+)', stage.text("/metrics"))
    return {place: float(count) for place, count in found}


def own_incidents(stage: Stage) -> dict[str, str]:
    """Incidents about Planwatch itself: rule → tier."""
    found = stage.json("/incidents")["incidents"]
    return {one["rule"]: one["tier"] for one in found if one["rule"].startswith("planwatch_")}


def not_ready(stage: Stage) -> str:
    """What /-/ready says while it answers 503; empty while it is ready."""
    try:
        http(f"{stage.url}/-/ready")
    except ConnectionError as error:
        return str(error)
    return ""


def test_dead_sinks_hold_nothing_up_and_get_everything_afterwards(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, sinks: tuple[Sink, Sink]
) -> None:
    influx, hook = sinks
    settings = {"INFLUX__URL": influx.url, "INFLUX__QUEUE": QUEUE, "RESPOND__OUTBOX": 3}
    installation = Installation(kafka, topic_prefix, tmp_path, **settings)
    installation.notify(f"{hook.url}/hook")
    installation.write("kpis/broken.yaml", BROKEN)
    with installation.stages() as stages:
        measure, evaluate, respond = stages.values()
        for region in ("East", "South", "West", "North"):
            installation.bad_review(region)
        for _ in range(ORDERS // 1000):
            installation.orders(1000, step_ms=STEP_MS)
            assert waiting_points(evaluate)["memory"] <= QUEUE
        installation.close_minutes(BEGIN_MS + ORDERS * STEP_MS + 2 * MINUTE)

        def caught_up() -> bool:
            (end,) = installation.ends(installation.topic("cells.v1")).values()
            behind = end - evaluate.json("/status")["version"]
            return counts(measure)["received"] == installation.sent and behind < 20

        wait_until(caught_up, "no event waits", 20)
        assert "outbox_full" in wait_until(lambda: not_ready(respond), "the outbox is full")
        assert not not_ready(evaluate)
        wanted = {"planwatch_influx_unreachable", "planwatch_channel_failing", "planwatch_part_set_aside"}
        wait_until(lambda: wanted <= set(own_incidents(respond)), "people hear of all three")
        wait_until(
            lambda: waiting_points(evaluate)["disk"] > QUEUE, "the disk takes what memory may not hold"
        )
        influx.start()
        hook.start()
        wait_until(lambda: not sum(waiting_points(evaluate).values()), "InfluxDB has all points")
        wait_until(lambda: not not_ready(respond), "the outbox has room")
        wait_until(lambda: own_incidents(respond)["planwatch_influx_unreachable"] == "none", "it is over")
    points = [(int(at), float(value)) for value, at in POINT.findall("\n".join(influx.lines()))]
    expected = recount()
    assert [at for at, _ in points] == sorted({at for at, _ in points})
    assert {at: value for at, value in points if at in expected} == expected
    assert hook.bodies
    installation.producer.close()
