"""What an offset may be: a log ends behind what was counted of it, a state ends behind what was acknowledged.

Decides when a log or a changelog is not the one it was, and what to do about it. Asks nobody.
"""

from faust.types import TP

from schemas.errors import LogTruncatedError, StateError

#: remedies for a log that is not the one it was; respond's own state goes only when asked for
REBUILD = "stop every worker, then `planwatch rebuild --yes` counts anew what is in the event logs"
REBUILD_ALL = REBUILD.replace("--yes", "--yes --incidents")


def check_end(tp: TP, stamp: int, end: int, remedy: str = REBUILD) -> None:
    """Refuse to go on where a topic ends before what was already counted of it.

    Raises LogTruncatedError: the topic was deleted, re-created or cut, and figures would be wrong.
    """
    if stamp >= end:
        raise LogTruncatedError(
            f"{tp.topic}/{tp.partition} ends at offset {end}, but was counted up to {stamp}: "
            "it was re-created or cut",
            remedy=f"if that was meant: {remedy}",
        )


def check_acknowledged(tp: TP, stamp: int, acknowledged: int | None, remedy: str = REBUILD) -> None:
    """Refuse to go on with a state that ends before what was acknowledged (None: nothing was).

    Raises StateError: the state is written before the acknowledgement, so its changelog was lost or cut.
    """
    if acknowledged is not None and acknowledged > stamp + 1:
        raise StateError(
            f"{tp.topic}/{tp.partition} was acknowledged up to {acknowledged}, but its state ends at "
            f"{stamp}: its changelog was re-created or cut",
            remedy=remedy,
        )
