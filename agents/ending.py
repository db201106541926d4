"""How a stage that cannot go on ends: one line that says what, where and what to do, and an exit code.

Decides what an error means to whoever starts the worker. Refuses to know when a stage must end.
"""

import os
import sys
import traceback

from aiokafka.errors import KafkaError

from schemas.errors import BrokerError, PlanwatchError

_SAFE = "it is safe to start again"


def explained(error: BaseException) -> PlanwatchError:
    """The error as one of ours: what the broker says is a BrokerError, anything else a mistake of ours.

    >>> explained(ZeroDivisionError("by nought")).what
    'an unforeseen error: ZeroDivisionError: by nought'
    """
    if isinstance(error, PlanwatchError):
        return error
    if isinstance(error, KafkaError):
        return BrokerError(f"Kafka failed: {error!r}", remedy=f"look at the broker; {_SAFE}")
    frames = traceback.extract_tb(error.__traceback__)
    where = f", at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    said = f"{type(error).__name__}: {error}".removesuffix(": ").replace("\n", " ")
    return PlanwatchError(
        f"an unforeseen error: {said}{where}", remedy=f"{_SAFE}; if it recurs, report it with the log"
    )


def say(who: str, text: object) -> None:
    """The line on stderr, in one write, so that no other process's line falls into it."""
    sys.stderr.write(f"planwatch {who}: {text}\n")
    sys.stderr.flush()
