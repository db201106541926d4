"""Stage three under random inboxes: no incident outlives none, repeats and restarts change nothing."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from schemas.incident import Incident
from schemas.records import (
    Acknowledge,
    CatalogueRecord,
    Receipt,
    Report,
    SelfAlert,
    Silence,
    Solve,
    Tick,
    Transition,
)
from schemas.route import Route
from streams.engine.respond import Response
from streams.engine.rows import VersionedRows
from tests.respond_builders import HOUR, LADDER, MINUTE, T0, Inbox, catalogue, transition

SCOPES: list[dict[str, str]] = [{}, {"region": "East"}, {"region": "East", "product_line": "bikes"}]
ROUTES = [
    Route(id="duty", tiers=["yellow", "orange", "red"], people=["li"], channels=["mail", "robot"]),
    Route(id="east", tiers=["red"], scope={"region": "East"}, people=["east"], channels=["mail"]),
]
CATALOGUE = catalogue(routes=ROUTES)

steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("move"), st.integers(0, 2), st.integers(0, 4), st.sampled_from([0, 0, 0, 5 * HOUR])
        ),
        st.tuples(
            st.just("tick"), st.sampled_from([1, MINUTE, 31 * MINUTE, 3 * HOUR, 25 * HOUR]), st.booleans()
        ),
        st.tuples(st.sampled_from(["acknowledge", "solve", "report"]), st.integers(0, 5)),
        st.tuples(st.just("silence"), st.integers(0, 2), st.sampled_from([0, HOUR, 9 * HOUR])),
        st.tuples(st.just("alert"), st.booleans(), st.integers(1, 4)),
        st.tuples(st.just("receipt"), st.integers(0, 30)),
        st.tuples(st.just("again"), st.integers(0, 100)),
    ),
    max_size=40,
)


class Story:
    """Turns random steps into an inbox: pane ends rise with time, each step of tier is one rung."""

    def __init__(self) -> None:
        self.now_ms = T0
        self.log: list[tuple[int, bytes]] = []
        self.tiers = [0] * len(SCOPES)
        self.ids: list[str] = []
        self.fold = Response("story")
        self._write(CatalogueRecord(catalogue=CATALOGUE))

    def _write(self, record: BaseModel) -> None:
        self._append(record.model_dump_json(by_alias=True).encode())

    def _append(self, value: bytes) -> None:
        self.fold.fold(len(self.log), self.now_ms, value)
        self.log.append((self.now_ms, value))

    def take(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("move", where, to, age):
                self._move(where, to, age)
            case ("tick", by, known):
                self.now_ms += by
                self._write(Tick(frontier_ms=self.now_ms if known else None))
            case ("acknowledge" | "solve" | "report" as verb, index):
                names = sorted(one.id for one in self.fold.incidents()) or ["nobody"]
                kind = {"acknowledge": Acknowledge, "solve": Solve, "report": Report}[verb]
                self._write(kind(incident=names[index % len(names)], by="li"))
            case ("silence", where, lasts):
                self._write(Silence(id="s", scope=SCOPES[where], until_ms=self.now_ms + lasts, by="li"))
            case ("alert", on, tier):
                alert = SelfAlert(
                    what="lag", subject="measure", on=on, tier=LADDER[tier], text="", at_ms=self.now_ms
                )
                self._write(alert)
            case ("receipt", index):
                waiting = self.fold.pending()
                if waiting:
                    self._write(Receipt(notice=waiting[index % len(waiting)].id, outcome="sent"))
            case ("again", index):
                self._append(self.log[index % len(self.log)][1])

    def _move(self, where: int, to: int, age: int) -> None:
        self.now_ms += MINUTE
        seq = 0
        while self.tiers[where] != to:
            before = self.tiers[where]
            after = before + (1 if to > before else -1)
            end_ms = self.now_ms - age if not self._is_known(where, self.now_ms - age) else self.now_ms
            self._write(
                transition(LADDER[after], LADDER[before], end_ms=end_ms, scope=SCOPES[where], seq=seq)
            )
            self.tiers[where], seq = after, seq + 1

    def _is_known(self, where: int, end_ms: int) -> bool:
        where_text = ",".join(f"{name}={SCOPES[where][name]}" for name in sorted(SCOPES[where]))
        key = f"revenue_down|{where_text}|"
        mark = self.fold.state.marks.get(key)
        return mark is not None and mark.end_ms >= end_ms


def told(taken: list[Any]) -> set[str]:
    return {one.id for one in taken}


def run(log: list[tuple[int, bytes]]) -> tuple[list[Incident], set[str], Response]:
    """The log folded in one go, committed after each record: incidents, ids of notices, the fold."""
    fold, ids = Response("whole"), set()
    for offset, (at_ms, value) in enumerate(log):
        fold.fold(offset, at_ms, value)
        fold.commit()
        fold.confirmed()
        ids |= told(fold.take())
    return fold.incidents(), ids, fold


@settings(max_examples=60, deadline=None)
@given(steps)
def test_no_incident_stays_open_after_none(story_steps: list[tuple[Any, ...]]) -> None:
    story = Story()
    for step in story_steps:
        story.take(step)
        standing = [one for one in story.fold.incidents() if one.is_open and one.rule == "revenue_down"]
        expected = {index for index, tier in enumerate(story.tiers) if tier}
        assert {SCOPES.index(one.scope) for one in standing} == expected
        assert {one.tier for one in standing} == {LADDER[story.tiers[index]] for index in expected}


@settings(max_examples=60, deadline=None)
@given(steps)
def test_repeated_transitions_change_nothing(story_steps: list[tuple[Any, ...]]) -> None:
    story = Story()
    for step in story_steps:
        story.take(step)
    twice = Inbox(bare=True)
    for at_ms, value in story.log:
        record = value
        twice.response.fold(twice.response.version + 1, at_ms, record)
        if b'"type":"transition"' in record:
            before = twice.response.incidents(), twice.response.pending()
            twice.response.fold(twice.response.version + 1, at_ms, record)
            assert (twice.response.incidents(), twice.response.pending()) == before
    assert twice.response.incidents() == story.fold.incidents()


@settings(max_examples=80, deadline=None)
@given(steps, st.data())
def test_a_restart_anywhere_gives_the_same_incidents_and_notices(
    story_steps: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    story = Story()
    for step in [("move", 0, 4, 0), *story_steps, ("tick", 3 * HOUR, True)]:
        story.take(step)
    incidents, ids, whole = run(story.log)
    changelog: list[tuple[bytes, bytes | None]] = []
    taken: set[str] = set()
    fold, owner, offset = Response("w0"), 0, 0
    while offset < len(story.log):
        length = data.draw(st.integers(1, 4), label="records of a poll")
        for at_ms, value in story.log[offset : offset + length]:
            fold.fold(offset, at_ms, value)
            offset += 1
        fate = data.draw(st.sampled_from(["goes on", "dies with some rows", "dies after its commit"]))
        rows, last = fold.commit()
        if fate == "dies with some rows":
            changelog += rows[: data.draw(st.integers(0, len(rows)), label="rows written")]
        else:
            changelog += [*rows, last]
            tombstones = fold.confirmed()
        if fate == "goes on":
            changelog += tombstones
            taken |= told(fold.take())
            continue
        owner += 1
        fold = restored(changelog, f"w{owner}")
        taken |= told(fold.pending())
        offset = fold.version + 1
    assert fold.incidents() == incidents
    assert told(fold.pending()) == told(whole.pending())
    assert fold.counts == whole.counts
    assert taken <= ids
    assert told(whole.pending()) <= taken
    assert_only_superseded_are_missing(ids - taken, whole)


def assert_only_superseded_are_missing(missing: set[str], whole: Response) -> None:
    """What was not sent by a fold that read several records at once had been replaced within them."""
    replaced = whole.counts.get("superseded", 0) + whole.counts.get("joined", 0)
    receipts = whole.counts.get("receipt_sent", 0)
    assert len(missing) <= replaced + receipts


def restored(changelog: list[tuple[bytes, bytes | None]], owner: str) -> Response:
    rows = VersionedRows(owner.encode())
    for key, value in changelog:
        rows.apply(key, value)
    rows.recover()
    return Response.restore(rows, owner)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_each_deadline_is_told_at_most_once_to_a_person(story_steps: list[tuple[Any, ...]]) -> None:
    story, due = Story(), []
    for step in story_steps:
        story.take(step)
        story.fold.commit()
        story.fold.confirmed()
        due += [(one.id, one.person, one.channel) for one in story.fold.take() if one.about == "due"]
    assert len(due) == len(set(due))
    for incident in story.fold.incidents():
        running = [one.clock for one in incident.obligations if one.state == "running"]
        assert len(running) == len(set(running))
        assert incident.is_open or set(running) <= {"report"}


def test_the_story_moves_incidents() -> None:
    story = Story()
    for step in [("move", 0, 4, 0), ("move", 1, 3, 0), ("tick", 31 * MINUTE, True), ("move", 0, 0, 0)]:
        story.take(step)
    kinds = {one.about for one in story.fold.pending()}
    assert kinds == {"transition", "due", "resolved"}
    assert isinstance(story.fold.incidents()[0].last, Transition)
