"""One batch's way to InfluxDB: what a reply means, and how the one bad line among thousands is found.

Decides, from status and text alone, whether lines are written, go again, are halved, are refused for good, or
wait for a person (wrong token, no such bucket). Refuses to wait or to store: that is the exporter's.
"""

import re
from collections import deque
from enum import Enum
from typing import NamedTuple

from streams.exporters.influx.transport import NO_REPLY, Reply, Transport
from streams.telemetry import Telemetry
from streams.telemetry.happenings import PointsRefused, PointsWritten

SINK = "influx"
#: a batch of at least this many lines is probed before it is halved for a reason that names no line
PROBE_FROM = 16
PROBES = 8

_DROPPED = re.compile(r"\bdropped=(\d+)")
_RETENTION = re.compile(r"beyond retention|outside retention", re.IGNORECASE)
_NAMES_A_LINE = re.compile(
    r"unable to parse|partial write|field type|missing (?:fields|tag|measurement)|retention|max key size|"
    r"max-(?:series|values)|invalid (?:field|tag|number|boolean|timestamp)",
    re.IGNORECASE,
)


class Verdict(Enum):
    """What a reply means for the lines that were sent."""

    WRITTEN = "written"
    AGAIN = "again"
    HALVE = "halve"
    MISCONFIGURED = "misconfigured"


class Attempt(NamedTuple):
    """What is left of a batch after one attempt, in order, and why; nothing is left when WRITTEN."""

    rest: list[str]
    verdict: Verdict
    reply: Reply


def judge(status: int) -> Verdict:
    """What an HTTP status of the write API means; 0 is no answer at all.

    >>> judge(204).value, judge(503).value, judge(400).value, judge(401).value
    ('written', 'again', 'halve', 'misconfigured')
    """
    if 200 <= status < 300:
        return Verdict.WRITTEN
    if status in (NO_REPLY, 408, 425, 429) or status >= 500:
        return Verdict.AGAIN
    if status in (400, 413, 422):
        return Verdict.HALVE
    return Verdict.MISCONFIGURED


class Delivery:
    """Sends batches. `most` is the largest number of lines the server has not called too large."""

    def __init__(self, transport: Transport, telemetry: Telemetry, most: int) -> None:
        self._transport = transport
        self._telemetry = telemetry
        self.most = most

    async def attempt(self, lines: list[str]) -> Attempt:
        """Send the lines once, halving where the server finds fault, until all are written or refused.

        The first reply that is neither ends the attempt; what was not written by then is the rest. Lines may
        be sent twice: a point written again is the same point.
        """
        parts = deque([lines] if lines else [])
        while parts:
            part = parts.popleft()
            reply = await self._transport.write(part)
            verdict = judge(reply.status)
            if part is lines and verdict is Verdict.HALVE and await self._nothing_passes(part, reply):
                verdict = Verdict.MISCONFIGURED
            if verdict is Verdict.WRITTEN:
                self._telemetry.tell(PointsWritten(SINK, len(part)))
            elif verdict is Verdict.HALVE:
                if not self._refused_for_good(part, reply):
                    self._halve(part, parts, reply)
            else:
                return Attempt([line for piece in (part, *parts) for line in piece], verdict, reply)
        return Attempt([], Verdict.WRITTEN, Reply(204, ""))

    def _refused_for_good(self, part: list[str], reply: Reply) -> bool:
        """Whether the server has taken what it ever will of the part; what it left out is counted here."""
        match = _DROPPED.search(reply.text)
        dropped = int(match[1]) if match else 0
        if len(part) == 1 or dropped >= len(part):
            self._refuse(part[0], len(part), reply)
        elif dropped and _RETENTION.search(reply.text):
            # the others are stored, and the server does not say which were too old
            self._refuse(part[0], dropped, reply)
            self._telemetry.tell(PointsWritten(SINK, len(part) - dropped))
        else:
            return False
        return True

    def _halve(self, part: list[str], parts: deque[list[str]], reply: Reply) -> None:
        middle = len(part) // 2
        parts.extendleft((part[middle:], part[:middle]))
        if reply.status == 413:
            self.most = max(1, min(self.most, middle))

    async def _nothing_passes(self, part: list[str], reply: Reply) -> bool:
        """Whether it is not the lines that are wrong: the reply names none, and lines alone fail alike."""
        if reply.status != 400 or len(part) < PROBE_FROM or _NAMES_A_LINE.search(reply.text):
            return False
        for line in part[:: len(part) // PROBES]:
            if (await self._transport.write([line])).status != 400:
                return False
        return True

    def _refuse(self, line: str, count: int, reply: Reply) -> None:
        if reply.status == 413:
            reason = "too_large"
        elif _RETENTION.search(reply.text):
            reason = "beyond_retention"
        else:
            reason = "bad_line"
        self._telemetry.tell(PointsRefused(SINK, reason, count, line[:500], reply.text[:500]))
