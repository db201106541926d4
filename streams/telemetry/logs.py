"""The log of a stage process: one line per entry on stderr, quiet libraries, no secrets.

Decides the form of a line: `time LEVEL stage name key=value…`. An exception becomes part of its line. The
loggers of Faust and the clients are held to warnings, and to a few lines a minute of the same kind.
"""

import logging
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TextIO

from streams.telemetry.text import hide_secret, one_line, quoted, redact

#: loggers of others, which say at INFO what only their authors need; Faust's services log under the module of
#: the class that extends them, so `streams` and `agents` are among them (what is ours is told as happenings)
FOREIGN = (
    "streams",
    "agents",
    "faust",
    "mode",
    "aiokafka",
    "kafka",
    "aiohttp",
    "asyncio",
    "influxdb_client",
    "urllib3",
)
BURST = 5
BURST_SECONDS = 60.0
_FRAMES = 12


class LineFormatter(logging.Formatter):
    """Formats a record as exactly one line.

    A record made by `Telemetry.tell` carries `happening` (its name) and `fields`; any other is written as
    `log` with its logger and its text.
    """

    def __init__(self, stage: str) -> None:
        super().__init__()
        self._stage = stage

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a line end."""
        name = getattr(record, "happening", "log")
        fields: dict[str, object] = dict(getattr(record, "fields", {}))
        if name == "log":
            fields = {"logger": record.name, "text": record.getMessage()}
        if suppressed := getattr(record, "suppressed", 0):
            fields["suppressed"] = suppressed
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
            fields["trace"] = _trace(record.exc_info[1])
        pairs = "".join(f" {key}={quoted(redact(str(value)))}" for key, value in fields.items())
        return one_line(f"{_stamp(record.created)} {record.levelname} {self._stage} {name}") + pairs


@dataclass(slots=True)
class _Seen:
    since: float
    count: int = 0


class Throttle(logging.Filter):
    """Lets the same message of the same logger through `burst` times per period, then counts.

    The first one after the period carries how many were held back. Errors are throttled too: a library
    that fails in a loop must not fill the disk.
    """

    def __init__(self, burst: int = BURST, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._burst = burst
        self._clock = clock
        self._seen: dict[tuple[str, object], _Seen] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if hasattr(record, "happening"):
            return True
        now = self._clock()
        if len(self._seen) > 1000:
            self._seen.clear()
        seen = self._seen.setdefault((record.name, record.msg), _Seen(now))
        if now - seen.since >= BURST_SECONDS:
            record.suppressed = max(0, seen.count - self._burst)
            seen.since, seen.count = now, 0
        seen.count += 1
        return seen.count <= self._burst


def setup_logging(
    stage: str, level: str = "INFO", secrets: Iterable[str] = (), stream: TextIO | None = None
) -> logging.Handler:
    """Send everything that this process logs to stderr (or `stream`), one line each; replaces what was there.

    `secrets` are never written. At DEBUG the libraries speak too. Returns the handler. Faust's worker
    replaces all handlers unless it is made with `override_logging=False`.
    """
    for secret in secrets:
        hide_secret(secret)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter(stage))
    handler.addFilter(Throttle())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in FOREIGN:
        foreign = logging.getLogger(name)
        foreign.handlers.clear()
        foreign.propagate = True
        foreign.setLevel(max(logging.getLevelName(level), _floor(level)))
    logging.captureWarnings(True)
    return handler


def _floor(level: str) -> int:
    return logging.DEBUG if level == "DEBUG" else logging.WARNING


def _stamp(created: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(created)) + f".{int(created % 1 * 1000):03d}Z"


def _trace(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
