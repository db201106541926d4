"""The stored form of an evaluation: keys and bodies of its commit and its mutable rows, and back.

Nothing is decided here. Panes are stored by the journal.
"""

from typing import Any

import numpy as np
import orjson

from schemas.base import scope_text
from schemas.records import Ledger
from streams.cells.page import PageKey
from streams.decisions.tier import TierState
from streams.engine.evaluate.closing import Closing
from streams.engine.evaluate.columns import Columns
from streams.engine.evaluate.reach import Reach
from streams.engine.evaluate.since import Since
from streams.engine.evaluate.state import State
from streams.engine.evaluate.tiers import RuleTiers
from streams.engine.figures import ScopeItems
from streams.windows.frontier import Frontier

CATALOGUE = b"catalogue"
CELLS, TIER, HEARD, VALUES, GROWING = b"cells|", b"tier|", b"heard|", b"values|", b"growing|"


def pack_frontier(frontier: Frontier) -> dict[str, Any]:
    """Rosters, ledgers and what time waits for."""
    return {
        "roster": frontier.roster,
        "settle_ms": frontier.settle_ms,
        "ledgers": [ledger.model_dump(mode="json") for _, ledger in sorted(frontier.ledgers.items())],
    }


def unpack_frontier(packed: dict[str, Any]) -> Frontier:
    """The frontier that was packed."""
    frontier = Frontier()
    frontier.roster = dict(packed["roster"])
    frontier.settle_ms = packed["settle_ms"]
    for item in packed["ledgers"]:
        ledger = Ledger.model_validate(item)
        frontier.ledgers[ledger.topic, ledger.partition] = ledger
    return frontier


def pack_measures(columns: Columns, since: Since) -> dict[str, Any]:
    """The columns in their places, and from when each is complete."""
    return {
        "columns": list(zip(columns.keys, columns.how, columns.scales, strict=True)),
        "first_ms": since.first_ms,
        "since": since.measures,
    }


def unpack_measures(packed: dict[str, Any]) -> tuple[Columns, Since]:
    """The columns and beginnings that were packed."""
    columns = Columns()
    for key, how, scale in packed["columns"]:
        columns.add(key, how, scale)
    since = Since(columns)
    since.first_ms = packed["first_ms"]
    since.measures = dict(packed["since"])
    return columns, since


def tier_key(rule: str, scope: ScopeItems) -> bytes:
    """Where the state of one rule at one scope is stored."""
    return TIER + f"{rule}|{scope_text(dict(scope))}".encode()


def growing_key(key: PageKey) -> bytes:
    """Where a page that counts already and may still grow is stored."""
    return GROWING + orjson.dumps(tuple(key))


def pack_tier(state: TierState) -> bytes:
    """A tier state as a row's body.

    >>> state = TierState(level=1, pending=(None, 60_000))
    >>> unpack_tier(pack_tier(state)) == state
    True
    """
    return orjson.dumps([state.level, state.shown, state.pending, state.since_ms, state.quiet, state.told_ms])


def unpack_tier(body: bytes) -> TierState:
    """The state that was packed."""
    level, shown, pending, since_ms, quiet, told_ms = orjson.loads(body)
    return TierState(level, shown, tuple(pending), since_ms, quiet, told_ms)


def pack_heard(closing: Closing, tiers: RuleTiers) -> bytes:
    """When each scope of a rule was last heard."""
    items = closing.scopes.items
    rows = np.flatnonzero(tiers.heard).tolist()
    return orjson.dumps(
        {scope_text(dict(items[row])): int(tiers.heard[row]) for row in rows}, option=orjson.OPT_SORT_KEYS
    )


def pack_state(state: State) -> dict[str, Any]:
    """The body of a commit: everything that is not in rows of its own."""
    return {
        "frontier_ms": state.frontier_ms,
        **pack_frontier(state.frontier),
        **pack_measures(state.columns, state.since),
        "sizes": state.reach.sizes(),
        "beyond": sorted(state.reach.beyond),
        "layouts": state.layouts,
        "aside": []
        if state.closing is None
        else [(*of, text) for of, text in sorted(state.closing.plans.aside.items())],
        "late": state.pending.late(state.frontier_ms),
    }


def unpack_state(state: State, packed: dict[str, Any]) -> None:
    """Put the body of a commit into a fresh state."""
    state.frontier_ms = packed["frontier_ms"]
    state.frontier = unpack_frontier(packed)
    state.columns, state.since = unpack_measures(packed)
    state.reach = Reach(state.columns, packed["sizes"], packed["beyond"])
    state.layouts = {name: (tuple(keys), tuple(names)) for name, (keys, names) in packed["layouts"].items()}
    state.late = dict(packed["late"])
