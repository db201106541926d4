"""One turn of respond: what has fallen due by now, then one record of the inbox.

It finds the incident that a record is about and asks the decisions what becomes of it. It refuses to know
bytes, rows and restarts.
"""

from collections.abc import Callable, Iterable
from typing import Any

from schemas.base import EpochMs
from schemas.catalogue import Catalogue
from schemas.incident import Incident, Reason, incident_key
from schemas.period import DAY_MS, HOUR_MS
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
from schemas.tier import NONE
from streams.decisions.incident import SELF, Change, noted, obey, open_incident, parents_of, step
from streams.decisions.obligation import fall_due, next_due
from streams.engine.respond_state import Mark, ResponseState
from streams.engine.respond_tell import SETTLE_MS, Telling, retell

#: an incident that is over, and the mark of a rule and scope without an open one, are kept this long
KEEP_MS = 30 * DAY_MS
#: incidents that are over, at most, and as many again until they are looked at; those with a running clock
#: are not counted
KEEP_CLOSED = 1000


class Turn:
    """The fold of one record at `offset`; `acted` tells whether time alone changed something."""

    def __init__(self, state: ResponseState, offset: int, outbox: int) -> None:
        self.state = state
        self.acted = False
        self._offset = offset
        self._outbox = outbox
        self._telling: Telling | None = None
        self._takes: dict[type, Callable[[Any], None]] = {
            Transition: self._transition,
            SelfAlert: self._self_alert,
            Tick: self._tick,
            Acknowledge: self._command,
            Solve: self._command,
            Report: self._command,
            Silence: self._silence,
            Receipt: self._receipt,
            CatalogueRecord: self._catalogue,
        }

    def take(self, record: object) -> None:
        """Fold one record."""
        self._takes[type(record)](record)
        self._alert_failed_cards()

    def wake(self) -> None:
        """Do what is due: end silences, tell what was put off, escalate missed deadlines."""
        state, catalogue = self.state, self.state.catalogue
        names = state.ring() if catalogue is not None else set()
        if catalogue is None or not names:
            return
        self.acted = True
        telling = self._hand(catalogue)
        for name in sorted(names):
            silence = state.silences.get(name)
            if silence is not None and silence.until_ms <= state.now_ms:
                self._end_silence(name)
        names |= state.ring()
        called = sorted(self._called(names), key=lambda one: (one.opened_ms, one.id))
        for name in [one.id for one in called]:
            tell_at_ms = state.incidents[name].tell_at_ms
            if tell_at_ms is not None and tell_at_ms <= state.now_ms:
                self._tell_now(state.incidents[name], telling)
        for name in [one.id for one in called]:
            due_ms = next_due(state.incidents[name].obligations)
            if due_ms is not None and due_ms <= state.now_ms:
                self._fall_due(state.incidents[name], telling)
        self._alert_failed_cards()

    def _called(self, names: Iterable[str]) -> list[Incident]:
        found = (self.state.incidents.get(name) for name in names)
        return [one for one in found if one is not None]

    def sweep(self) -> None:
        """Once an hour, and whenever so many more are over, let go of what ended long ago."""
        state = self.state
        if state.now_ms - state.swept_ms < HOUR_MS and state.over - state.left_over < KEEP_CLOSED:
            return
        self.acted = True
        state.swept_ms = state.now_ms
        old_ms = state.now_ms - KEEP_MS
        closed = [
            one for one in state.incidents.values() if not one.is_open and next_due(one.obligations) is None
        ]
        closed.sort(key=lambda one: (-(one.resolved_ms or 0), one.id))
        for index, one in enumerate(closed):
            if index >= KEEP_CLOSED or (one.resolved_ms or 0) < old_ms:
                state.forget(one.id)
        for key, mark in state.marks.items():
            if mark.at_ms < old_ms and state.open_of(key) is None:
                state.marks.pop(key)
        state.left_over = state.over

    def _hand(self, catalogue: Catalogue) -> Telling:
        """The hand that tells in this turn."""
        if self._telling is None or self._telling.catalogue is not catalogue:
            index = self._telling.index if self._telling is not None else 0
            self._telling = Telling(self.state, catalogue, self._offset, self._outbox, index)
        return self._telling

    def _transition(self, transition: Transition) -> None:
        key = incident_key(transition.rule, transition.scope)
        mark = self.state.marks.get(key)
        if mark is not None and (transition.end_ms, transition.seq) <= (mark.end_ms, mark.seq):
            self.state.counts[Reason.REPEATED] += 1
            return
        now_ms = self.state.now_ms
        self.state.marks.put(key, Mark(end_ms=transition.end_ms, seq=transition.seq, at_ms=now_ms))
        self._move(transition, key)
        self._judged_up_to(transition.end_ms)

    def _move(self, transition: Transition, key: str, subject: str = "", text: str = "") -> None:
        """Let a transition open, raise, ease or end the incident of its key, and tell of it."""
        state, now_ms = self.state, self.state.now_ms
        incident = state.open_of(key)
        if incident is None and transition.tier == NONE:
            state.counts[Reason.NOT_OPEN] += 1
            return
        if incident is None:
            incident, change = open_incident(transition, now_ms, subject, text), Change.OPENED
        else:
            incident, change = step(state.catalogue, incident, transition, now_ms)
        state.keep(self._joined(incident))
        self._announce(incident.id, change)

    def _joined(self, incident: Incident) -> Incident:
        parents = parents_of(incident, self.state.around(incident))
        return incident.model_copy(update={"parent": parents[0].id if parents else None})

    def _announce(self, name: str, change: Change) -> None:
        incident, catalogue = self.state.incidents[name], self.state.catalogue
        if change is Change.KEPT:
            return
        if catalogue is None:
            self.state.counts[Reason.NO_ROUTE] += 1
            self.state.keep(incident.model_copy(update={"untold": Reason.NO_ROUTE}))
        elif change in (Change.EASED, Change.RESOLVED):
            self.state.keep(self._hand(catalogue).follow_up(incident, change))
        else:
            ages = not incident.rule.startswith(SELF)
            self.state.keep(self._hand(catalogue).announce(incident, change, ages=ages))

    def _tell_now(self, incident: Incident, telling: Telling) -> None:
        again = f"|again|{incident.tell_at_ms}"
        ages = incident.untold is Reason.NO_ROUTE
        incident = incident.model_copy(update={"tell_at_ms": None})
        self.state.keep(telling.announce(incident, Change.RAISED, ages=ages, again=again))

    def _fall_due(self, incident: Incident, telling: Telling) -> None:
        obligations, overdue = fall_due(incident.obligations, self.state.now_ms)
        incident = incident.model_copy(update={"obligations": obligations})
        for one in overdue:
            incident = telling.escalate(incident, one)
        self.state.keep(incident)

    def _self_alert(self, alert: SelfAlert) -> None:
        rule = f"{SELF}{alert.what}"[:64]
        key = incident_key(rule, {}, alert.subject)
        incident = self.state.open_of(key)
        tier = alert.tier if alert.on else NONE
        before = incident.tier if incident is not None else NONE
        if tier == before:
            self.state.counts[Reason.REPEATED if alert.on else Reason.NOT_OPEN] += 1
            return
        transition = Transition(
            rule=rule,
            scope={},
            tier=tier,
            previous=before,
            cause="worse" if alert.on else "better",
            end_ms=alert.at_ms,
            kpi=SELF.rstrip("_"),
            window="",
            value=None,
            expected=None,
            departure=None,
            threshold=None,
            since_ms=alert.at_ms,
            catalogue=self.state.catalogue.version if self.state.catalogue is not None else "",
        )
        self._move(transition, key, alert.subject, alert.text)

    def _alert_failed_cards(self) -> None:
        """A rule whose card raises becomes an incident of Planwatch itself, until it can be made again."""
        if self._telling is None or self.state.catalogue is None:
            return
        failed, self._telling.failed = self._telling.failed, []
        ladder = self.state.catalogue.ladder
        for rule, error in failed:
            is_open = self.state.open_of(incident_key(f"{SELF}card_failed", {}, rule)) is not None
            if rule.startswith(SELF) or bool(error) == is_open:
                continue
            tier = ladder[min(1, len(ladder) - 1)]
            now_ms = self.state.now_ms
            self._self_alert(
                SelfAlert(
                    what="card_failed", subject=rule, on=bool(error), tier=tier, text=error, at_ms=now_ms
                )
            )
        self._telling.failed = []

    def _tick(self, tick: Tick) -> None:
        if tick.frontier_ms is not None:
            self._judged_up_to(tick.frontier_ms)

    def _judged_up_to(self, end_ms: EpochMs) -> None:
        """When judging has come near the present, what was stale on arrival and is still open is told."""
        state = self.state
        if state.catalogue is None or end_ms < state.frontier_ms:
            return
        state.frontier_ms = end_ms
        if state.now_ms - end_ms <= state.catalogue.installation.stale_after.ms:
            put_off = [one for one in state.untold(Reason.STALE) if one.tell_at_ms is None]
            retell(state, put_off, state.now_ms + SETTLE_MS)

    def _command(self, command: Acknowledge | Solve | Report) -> None:
        incident = self._find(command.incident)
        if incident is None:
            self.state.counts[Reason.UNKNOWN_INCIDENT] += 1
            return
        incident, reason = obey(incident, command, self.state.now_ms)
        if reason is not None:
            self.state.counts[reason] += 1
        self.state.keep(incident)

    def _find(self, name: str) -> Incident | None:
        """The incident of this id, or the only one whose id ends in `-name`."""
        exact = self.state.incidents.get(name)
        if exact is not None:
            return exact
        ending = [one for one in self.state.incidents.values() if name and one.id.endswith(f"-{name}")]
        return ending[0] if len(ending) == 1 else None

    def _silence(self, silence: Silence) -> None:
        if silence.until_ms <= self.state.now_ms:
            self._end_silence(silence.id)
            return
        self.state.silences.put(silence.id, silence)
        self.state.wake_by(silence.until_ms, silence.id)

    def _end_silence(self, name: str) -> None:
        if self.state.silences.pop(name) is not None:
            retell(self.state, self.state.untold(Reason.SILENCED), self.state.now_ms)

    def _receipt(self, receipt: Receipt) -> None:
        outgoing = self.state.take_back(receipt.notice)
        if outgoing is None:
            self.state.counts[Reason.UNKNOWN_NOTICE] += 1
            return
        self.state.counts[f"receipt_{receipt.outcome}"] += 1
        incident = self.state.incidents.get(outgoing.notice.incident)
        if incident is None or receipt.outcome == "sent":
            return
        text = f"{outgoing.notice.person} ({outgoing.notice.channel}): {receipt.detail}"
        self.state.keep(noted(incident, self.state.now_ms, receipt.outcome, text[:300]))

    def _catalogue(self, record: CatalogueRecord) -> None:
        self.state.catalogues.put("", record.catalogue)
        retell(self.state, self.state.untold(Reason.NO_ROUTE), self.state.now_ms)
