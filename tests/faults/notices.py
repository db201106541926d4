"""Whether everybody was told what he had to be told, and twice only what may come twice.

A notice may arrive again only if between its two arrivals the process that sends was harmed, and then it
carries the same id.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

from schemas.records import Notice, Receipt
from tests.faults.reference import Told

#: id → the moments at which it arrived
Arrivals = Mapping[str, Sequence[float]]

#: a send in flight when the process was harmed may have arrived a little before that
_IN_FLIGHT_S = 3.0


def differences(
    told: Told,
    receipts: Mapping[str, Receipt],
    arrivals: tuple[Arrivals, Arrivals],
    harmed_s: Sequence[float],
    final: Collection[str],
) -> Iterator[str]:
    """`receipts` by notice; `arrivals` before and after the inbox was read; `harmed_s`: when a sender was
    harmed; `final`: sinks that once refused for good.

    A notice that was taken back before it was sent has no receipt and needs none.
    """
    notices = told.notices
    before, arrived = arrivals
    for name, notice in notices.items():
        receipt = receipts.get(name)
        if receipt is None:
            if name not in told.waiting:
                continue
            yield f"notice {name} to {notice.person} on {notice.channel} has no receipt"
        elif receipt.outcome == "sent" and name not in arrived:
            yield f"notice {name} is noted as sent on {notice.channel} and never arrived"
        elif receipt.outcome == "failed" and notice.channel not in final:
            yield f"notice {name} on {notice.channel} was given up: {receipt.detail}"
        elif receipt.outcome == "dropped" and not _replaced(receipt, notices, arrived):
            yield f"notice {name} on {notice.channel} was dropped: {receipt.detail}"
    for name in set(before) - set(notices):
        if not name.startswith("digest-"):
            yield f"notice {name} arrived and nobody made it"
    for name, times in arrived.items():
        yield from _repetitions(name, times, harmed_s)


def _replaced(receipt: Receipt, notices: Mapping[str, Notice], arrived: Mapping[str, object]) -> bool:
    """Another notice says it instead."""
    other = receipt.detail.removeprefix("told in digest ").removeprefix("replaced by ").split(" ")[0]
    return other in notices or other in arrived


def _repetitions(name: str, times: Sequence[float], harmed_s: Sequence[float]) -> Iterator[str]:
    ordered = sorted(times)
    for first, second in pairwise(ordered):
        if not any(first - _IN_FLIGHT_S <= at <= second for at in harmed_s):
            yield f"notice {name} arrived twice, {second - first:.1f} s apart, and nobody was harmed between"
