"""Events for drawings: moments of Shanghai as text, one order or review a line."""

from datetime import datetime

from tests.faults.oracle.counted import Counted
from tests.faults.oracle.windows import MINUTE_MS


def at(text: str) -> int:
    """A moment of Shanghai: `2026-12-31 23:59`."""
    return int(datetime.fromisoformat(f"{text}:00+08:00").timestamp() * 1000)


def order(
    start: str, amount: str = "10.00", *, enters: str = "", grain: str = "m", region: str = "East"
) -> Counted:
    """An order of one unit, counted in the pane that begins at `start`."""
    event = {"kind": "order", "line": 1, "amount": amount, "quantity": 1}
    enters_ms = at(enters) if enters else at(start) + MINUTE_MS
    return Counted(grain, at(start), enters_ms, (region, "a", "web"), event, 1500)


def review(start: str, rating: int) -> Counted:
    return Counted(
        "m", at(start), at(start) + MINUTE_MS, ("East", "a", "web"), {"kind": "review", "rating": rating}, 0
    )
