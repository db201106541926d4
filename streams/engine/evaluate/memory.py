"""The rows of an evaluation: what is written at a commit, and how the state is made of them again.

Decides which rows changed since the last commit. Panes are kept in rows that never change (the journal);
tiers, hearing, dimension values and pages that may still grow in rows of their own; the rest in the commit
row.
"""

from collections.abc import Iterator
from typing import Any

import orjson
from pydantic import ValidationError

from schemas.base import scope_of
from schemas.catalogue import Catalogue
from schemas.errors import StateError
from schemas.records import Transition
from streams.cells.page import decode_page, encode_page
from streams.engine.evaluate.closing import Closing
from streams.engine.evaluate.journal import decode_row
from streams.engine.evaluate.packing import (
    CATALOGUE,
    CELLS,
    GROWING,
    HEARD,
    TIER,
    VALUES,
    growing_key,
    pack_heard,
    pack_state,
    pack_tier,
    tier_key,
    unpack_state,
    unpack_tier,
)
from streams.engine.evaluate.restoring import restore_cells
from streams.engine.evaluate.state import State
from streams.engine.rows import VersionedRows


def changed_rows(closing: Closing) -> Iterator[tuple[bytes, bytes | None]]:
    """The mutable rows of tiers, hearing and dimension values that changed since the last call."""
    for name, tiers in sorted(closing.judge.tiers.rules.items()):
        keyed = {tier_key(name, closing.scopes.items[row]): row for row in tiers.dirty}
        for key in sorted(keyed):
            state = tiers.states.get(keyed[key])
            yield key, None if state is None else pack_tier(state)
        tiers.dirty.clear()
        if tiers.heard_dirty:
            yield HEARD + name.encode(), pack_heard(closing, tiers)
            tiers.heard_dirty = False
    for name in sorted(closing.leaves.fresh):
        yield VALUES + name.encode(), orjson.dumps(sorted(closing.leaves.admitted[name]))
    closing.leaves.fresh.clear()


class Memory:
    """The rows of one evaluation: what is written at a commit, and how the state is made of them again."""

    def __init__(self, rows: VersionedRows) -> None:
        self._rows = rows
        self._stored: set[bytes] = set()
        #: rows of scopes that are none any more
        self._left: list[bytes] = []
        self._successions = 0

    def commit(
        self, state: State, version: int, replay_from: int
    ) -> tuple[list[tuple[bytes, bytes]], tuple[bytes, bytes]]:
        """The rows that changed since the last commit, and the commit row."""
        rows = [
            self._rows.put(key, body, version, mutable=False) for key, body in self._cells(state, version)
        ]
        for key, changed in self._changed(state).items():
            if changed is not None:
                self._stored.add(key)
                rows.append(self._rows.put(key, changed, version))
            elif key in self._stored:
                self._stored.discard(key)
                gone = self._rows.delete(key, version)
                rows += [gone] if gone else []
        rows += self._rows.adopt(version, lambda key: not key.startswith(CELLS))
        return rows, self._rows.commit(
            orjson.dumps({**pack_state(state), "replay_from": replay_from}), version
        )

    def confirmed(self) -> list[tuple[bytes, bytes | None]]:
        """The tombstones that may be written once the commit row is confirmed."""
        return list(self._rows.confirmed())

    def restore(self, state: State) -> int | None:
        """Make a fresh state what it was at the last commit, and tell from which offset on to read again.

        None when there was no commit; StateError when the rows cannot be read.
        """
        if self._rows.commit_body is None:
            return None
        try:
            packed = orjson.loads(self._rows.commit_body)
            self._restore(state, packed, dict(self._rows.items()))
            return int(packed["replay_from"])
        except (ValidationError, KeyError, TypeError, ValueError) as error:
            raise StateError(
                f"the stored state cannot be read: {error!r}", remedy="planwatch rebuild"
            ) from error

    def _restore(self, state: State, packed: dict[str, Any], rows: dict[bytes, bytes]) -> None:
        self._stored = {key for key in rows if not key.startswith(CELLS)}
        unpack_state(state, packed)
        if CATALOGUE not in rows:
            return
        closing = state.install(Catalogue.model_validate_json(rows[CATALOGUE]))
        for kind, name, text in packed["aside"]:
            closing.set_aside(kind, name, text)
        for key in sorted(rows):
            if key.startswith(VALUES):
                restore_values(closing, key, rows[key])
        if state.frontier_ms is not None:
            restore_cells(
                closing,
                (decode_row(k, rows[k]) for k in sorted(rows) if k.startswith(CELLS)),
                state.frontier_ms,
            )
        for key in sorted(rows):
            if key.startswith(TIER) and not restore_tier(closing, key, rows[key]):
                self._left.append(key)
                state.left += left_behind(closing, key, rows[key], state.frontier_ms or 0)
            elif key.startswith(HEARD):
                restore_heard(closing, key, rows[key])
            elif key.startswith(GROWING):
                state.pending.grow(decode_page(rows[key]))
        if state.since.first_ms is not None:
            closing.due.expect(state.since.first_ms)
        for tiers in closing.judge.tiers:
            tiers.wind_all()

    def _cells(self, state: State, version: int) -> Iterator[tuple[bytes, bytes]]:
        if state.closing is None or state.frontier_ms is None:
            return
        yield from state.closing.journal.take(state.frontier_ms)
        for key in state.closing.journal.retire(state.frontier_ms):
            self._rows.delete(key, version, mutable=False)

    def _changed(self, state: State) -> dict[bytes, bytes | None]:
        changed: dict[bytes, bytes | None] = {}
        if state.closing is None:
            return changed
        if state.successions != self._successions:
            self._successions = state.successions
            gone = (key for key in self._stored if key.startswith((TIER, HEARD, VALUES)))
            changed.update(dict.fromkeys(sorted(gone)))
            changed[CATALOGUE] = state.closing.catalogue.model_dump_json(by_alias=True).encode()
        changed.update(dict.fromkeys(self._left))
        self._left = []
        changed.update(changed_rows(state.closing))
        touched, state.pending.touched = state.pending.touched, set()
        for key in sorted(touched):
            page = state.pending.growing.get(key)
            changed[growing_key(key)] = None if page is None else encode_page(page)
        return changed


def restore_tier(closing: Closing, key: bytes, body: bytes) -> bool:
    """Put back a tier row; False when its scope is none of its rule any more."""
    rule, _, text = key.removeprefix(TIER).decode().partition("|")
    tiers = closing.judge.tiers.rules[rule]
    row = _row(closing, text)
    if row is None or not tiers.plan.groups[closing.scopes.group[row]]:
        return False
    tiers.reserve(len(closing.scopes))
    tiers.restore(row, unpack_tier(body))
    return True


def left_behind(closing: Closing, key: bytes, body: bytes, end_ms: int) -> list[Transition]:
    """The way down of a tier whose scope is none any more: nobody judges it."""
    rule, _, text = key.removeprefix(TIER).decode().partition("|")
    plan = closing.judge.tiers.rules[rule].plan
    return closing.judge.removed(plan, scope_of(text), unpack_tier(body), end_ms)


def restore_heard(closing: Closing, key: bytes, body: bytes) -> None:
    """Put back a hearing row."""
    tiers = closing.judge.tiers.rules[key.removeprefix(HEARD).decode()]
    for text, at in orjson.loads(body).items():
        row = _row(closing, text)
        if row is not None:
            tiers.reserve(len(closing.scopes))
            tiers.heard[row] = at


def restore_values(closing: Closing, key: bytes, body: bytes) -> None:
    """Put back the values of a dimension that were admitted."""
    closing.leaves.admitted[key.removeprefix(VALUES).decode()].update(orjson.loads(body))


def _row(closing: Closing, text: str) -> int | None:
    """The scope of a stored row; None when one of its dimensions, or their grouping, is no more."""
    scope = scope_of(text)
    items = tuple((name, scope[name]) for name in closing.catalogue.dimension_names if name in scope)
    return closing.scopes.find(items) if len(items) == len(scope) else None
