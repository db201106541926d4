"""What the suite sends: seeded events of three topics, some twice, some late, some that cannot be read.

The world of the load has a time of its own: record `n` is sent at `begin_ms + n * step_ms`, which is also
its timestamp, so that lateness and age of repetitions do not depend on the machine. Repetitions come at every
age but those next to the dedupe horizon, where both answers are right.
"""

import asyncio
import json
import threading
from collections import deque
from random import Random
from typing import Any, NamedTuple

from tests.faults.poison import EXPECT, draw
from tests.faults.sender import Outgoing, Sender

REGIONS = ("East", "South", "West", "North")
LINES = ("bikes", "clothes", "parts")
CHANNELS = ("web", "store")
TOPICS = ("sales.v1", "feedback.v1", "sentiment.v1")
#: 10 March 2026, 10:00 in Shanghai: in the middle of a month, of a day and of an hour
BEGIN_MS = 1_773_108_000_000
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
#: of the suite's catalogue: repetitions younger than this are left out, those older by a good while are not
HORIZON_MS = HOUR_MS
#: records between two pauses
_BURST = 50
_SURELY_FORGOTTEN_MS = HORIZON_MS + 15 * MINUTE_MS


class Plan(NamedTuple):
    """How fast is sent, from when on: `step_ms` of the load's own time lie between two records.

    `pauses`: the topic of mentions falls silent again and again, long enough to be idle.
    """

    seed: int
    per_s: int = 400
    step_ms: int = 200
    begin_ms: int = BEGIN_MS
    pauses: bool = False

    def is_pause(self, number: int) -> bool:
        """Whether nobody mentions anything now: every other ten seconds."""
        return self.pauses and number // (10 * self.per_s) % 2 == 1


class _Sent(NamedTuple):
    """A record that may be sent again; `at_ms`: when it was last sent as one that nobody remembers."""

    at_ms: int
    topic: str
    key: bytes
    value: bytes


class Load:
    """Sends a plan's records from a thread of its own until it is told to finish."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int, plan: Plan) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._partitions = partitions
        self._rng = Random(plan.seed)
        self._plan = plan
        self._old: deque[_Sent] = deque(maxlen=2000)
        self._thread = threading.Thread(target=self._run, name="load")
        self._finishing = threading.Event()
        self._error: Exception | None = None
        self._out: list[Outgoing] = []
        #: records sent
        self.count = 0

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Return when everything is sent and confirmed, and every pane can close."""
        self._finishing.set()
        self._thread.join()
        self.check()

    def check(self) -> None:
        """Raise what ended it before its time."""
        if self._error is not None:
            raise self._error

    @property
    def is_steady(self) -> bool:
        """No source falls idle, so that when a pane closes follows from the source topics alone."""
        return not self._plan.pauses

    @property
    def is_live(self) -> bool:
        """Event time is about now: update rules tell before their minute closes."""
        return self._plan.begin_ms > BEGIN_MS

    @property
    def last_end_ms(self) -> int:
        """The last pane end that every source partition passes."""
        return (self._plan.begin_ms + self.count * self._plan.step_ms) // MINUTE_MS * MINUTE_MS

    def _run(self) -> None:
        try:
            asyncio.run(self._sending())
        except Exception as error:
            self._error = error

    async def _sending(self) -> None:
        sender = Sender(self._bootstrap)
        while not self._finishing.is_set():
            await asyncio.sleep(_BURST / self._plan.per_s)
            out: list[Outgoing] = []
            for _ in range(_BURST):
                out += self.record(self.count)
                self.count += 1
            await sender.send(out)
        await sender.settle()
        self._close_panes()
        await sender.send(self._drawn())
        await sender.settle()
        await sender.close()

    def record(self, number: int) -> list[Outgoing]:
        """What is sent as the record of this number, the one after the last that was asked for."""
        self._one(number)
        return self._drawn()

    def _drawn(self) -> list[Outgoing]:
        drawn, self._out = self._out, []
        return drawn

    def _one(self, number: int) -> None:
        rng, now_ms = self._rng, self._plan.begin_ms + number * self._plan.step_ms
        drawn = rng.random()
        if drawn < 0.01:
            poison = draw(rng, now_ms, number)
            expect = [(EXPECT, poison.reason.encode())]
            self._send(poison.topic, str(number).encode(), poison.value, now_ms, headers=expect)
        elif drawn < 0.07 and self._old and (again := self._repetition(now_ms)) is not None:
            if self._plan.is_pause(number) and again.topic == "sentiment.v1":
                return
            self._send(again.topic, again.key, again.value, now_ms)
        else:
            topic, event = self._event(number, self._moment(now_ms))
            sent = _Sent(now_ms, topic, str(number).encode(), json.dumps(event).encode())
            self._send(topic, sent.key, sent.value, now_ms)
            if rng.random() < 0.2:
                self._old.append(sent)

    def _repetition(self, now_ms: int) -> _Sent | None:
        """One of the last, or one of any age."""
        last = len(self._old) - 1
        place = last if self._rng.random() < 0.5 else self._rng.randrange(last + 1)
        old = self._old[place]
        age_ms = now_ms - old.at_ms
        if age_ms >= _SURELY_FORGOTTEN_MS:  # counted again, and remembered from now on
            self._old[place] = old._replace(at_ms=now_ms)
        return None if HORIZON_MS - 5 * MINUTE_MS < age_ms < _SURELY_FORGOTTEN_MS else old

    def _moment(self, now_ms: int) -> int:
        """When it happened: mostly within the disorder that is allowed, sometimes long ago."""
        drawn = self._rng.random()
        if drawn < 0.96:
            return now_ms - self._rng.randrange(8_000)
        if drawn < 0.98:
            return now_ms - self._rng.randrange(MINUTE_MS, HOUR_MS)
        if drawn < 0.99:
            return now_ms - self._rng.randrange(HOUR_MS, 2 * DAY_MS)
        if drawn < 0.998:
            return now_ms - self._rng.randrange(3 * DAY_MS, 399 * DAY_MS)
        return now_ms - self._rng.randrange(402 * DAY_MS, 900 * DAY_MS)

    def _event(self, number: int, at_ms: int) -> tuple[str, dict[str, Any]]:
        rng = self._rng
        mentions = 0 if self._plan.is_pause(number) else 15
        kind = rng.choices(("order", "refund", "review", "complaint", "mention"), (54, 6, 18, 7, mentions))[0]
        dimensions = {"region": rng.choice(REGIONS), "product_line": rng.choice(LINES)}
        if rng.random() < 0.9:
            dimensions["channel"] = rng.choice(CHANNELS)
        common = {
            "kind": kind,
            "event_id": f"e{self._plan.seed}-{number}",
            "occurred_at": at_ms,
            "dimensions": dimensions,
        }
        return _TOPIC_OF[kind], common | _fields(kind, number, rng)

    def _close_panes(self) -> None:
        """An event for every source partition, so far on that all panes up to the last end close."""
        now_ms = self.last_end_ms + 2 * MINUTE_MS
        for topic, kind in (("sales.v1", "order"), ("feedback.v1", "review"), ("sentiment.v1", "mention")):
            for partition in range(self._partitions):
                name = f"close-{self._plan.seed}-{topic}-{partition}"
                event = {"kind": kind, "event_id": name, "occurred_at": now_ms}
                event |= {"dimensions": {"region": "East", "product_line": "parts"}}
                value = json.dumps(event | _fields(kind, 0, self._rng)).encode()
                self._send(topic, name.encode(), value, now_ms, partition=partition)

    def _send(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        at_ms: int,
        *,
        headers: list[tuple[str, bytes]] | None = None,
        partition: int | None = None,
    ) -> None:
        record = {"topic": f"{self._prefix}.{topic}", "key": key, "value": value, "timestamp_ms": at_ms}
        self._out.append(record | {"headers": headers or [], "partition": partition})


_TOPIC_OF = {
    "order": "sales.v1",
    "refund": "sales.v1",
    "review": "feedback.v1",
    "complaint": "feedback.v1",
    "mention": "sentiment.v1",
}


def _fields(kind: str, number: int, rng: Random) -> dict[str, Any]:
    if kind == "order":
        order = {"order_id": f"o{number // 2}", "line": 1 + number % 2, "customer_id": "c"}
        return order | {"quantity": rng.randrange(1, 5), "currency": "CNY", "amount": _money(rng)}
    if kind == "refund":
        return {"amount": _money(rng), "currency": "CNY", "reason": "broken"}
    if kind == "review":
        return {"rating": rng.choice((1, 2, 3, 3, 4, 4, 5, 5)), "text": "很好"}
    if kind == "complaint":
        return {"category": "delivery", "severity": rng.randrange(1, 6)}
    return {"platform": "weibo", "polarity": rng.randrange(-100, 101) / 100}


def _money(rng: Random) -> str:
    return f"{rng.randrange(1, 100_000) / 100:.2f}"
