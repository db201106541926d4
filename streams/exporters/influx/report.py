"""How the way to InfluxDB fares, told once: log lines, counters, and the reasons people are alerted by.

Decides from when on a failure is worth a person's time. Refuses to know what is done about it.
"""

from streams.exporters.influx.delivery import SINK, Verdict
from streams.exporters.influx.transport import NO_REPLY, Reply
from streams.telemetry import Health, Telemetry
from streams.telemetry.happenings import (
    FiguresAskedAgain,
    PointsDropped,
    PointsRefused,
    PointsReplayed,
    PointsSpilled,
    SinkFailed,
)
from streams.telemetry.text import redact

#: failures in a row before people hear of it; a server that restarts takes fewer
FAILURES_TO_WARN = 4

UNREACHABLE = "influx_unreachable"
REFUSES = "influx_refuses"
DROPS = "influx_drops"
#: why points are dropped when memory and file are past their limits: not ready until there is room again
_FULL = ("queue_full", "spill_full")
SPILL_FAILED = "influx_spill_failed"


class Report:
    """Tells what happens to points.

    Reasons only warn while points wait, for none is lost; what is past its limits is not ready.
    """

    def __init__(self, telemetry: Telemetry, health: Health, url: str) -> None:
        self._telemetry = telemetry
        self._health = health
        self._url = redact(url)
        self.last_error = ""

    def failed(self, verdict: Verdict, reply: Reply, failures: int, again_s: float) -> None:
        """An attempt failed for the `failures`-th time in a row; the next is in `again_s` seconds."""
        said = redact(reply.text)[:300]
        self.last_error = f"{reply.status or 'no answer'}: {said}"
        self._telemetry.tell(SinkFailed(SINK, cause_of(reply.status), reply.status, said, round(again_s, 3)))
        if verdict is Verdict.MISCONFIGURED:
            self._health.clear(UNREACHABLE)
            self._health.warn(
                REFUSES,
                f"InfluxDB at {self._url} refuses every point ({self.last_error}); points wait — "
                "check PLANWATCH_INFLUX__TOKEN, __ORG and __BUCKET",
            )
        elif failures >= FAILURES_TO_WARN:
            self._health.clear(REFUSES)
            self._health.warn(
                UNREACHABLE, f"InfluxDB at {self._url} takes no points ({self.last_error}); points wait"
            )

    def well(self) -> None:
        """An attempt went through."""
        self.last_error = ""
        self._health.clear(UNREACHABLE)
        self._health.clear(REFUSES)

    def roomy(self) -> None:
        """The queue has room again: nothing is dropped any more."""
        self._health.clear(DROPS)

    def dropped(self, reason: str, count: int) -> None:
        """Points are lost for good."""
        if count:
            self._telemetry.tell(PointsDropped(SINK, reason, count))
            text = f"points for InfluxDB are dropped, oldest first: {reason}"
            if reason in _FULL:
                self._health.block(DROPS, text, tell=True)
            else:
                self._health.warn(DROPS, text)

    def refused(self, reason: str, count: int, text: str, error: BaseException | None = None) -> None:
        """Figures that cannot become points."""
        if count:
            self._telemetry.tell(PointsRefused(SINK, reason, count, "", text), error)

    def spilled(self, count: int) -> None:
        """Points are on the disk."""
        self._telemetry.tell(PointsSpilled(SINK, count))
        self._health.clear(SPILL_FAILED)

    def replayed(self, count: int) -> None:
        """Points of the disk have reached the server."""
        self._telemetry.tell(PointsReplayed(SINK, count))

    def asked_again(self, count: int) -> None:
        """The owner was asked to write figures again that these points may have covered."""
        self._telemetry.tell(FiguresAskedAgain(SINK, count))

    def spill_failed(self, error: Exception) -> None:
        """The disk does not take points; they wait in memory."""
        self._health.warn(
            SPILL_FAILED, f"the spill file of InfluxDB cannot be written: {error} — free the disk"
        )


def cause_of(status: int) -> str:
    """The failure as a label: a word of a fixed list."""
    if status == NO_REPLY:
        return "no_answer"
    if status >= 500:
        return "server_error"
    known = {429: "too_many_requests", 401: "not_allowed", 403: "not_allowed", 404: "not_found"}
    return known.get(status, "other")
