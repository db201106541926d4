"""Telling people: from an incident that changed to notices in the outbox, or the reason why there are none.

Clocks start when somebody has been told, not before: what is in shadow, stale, silenced, without a route or
told with its parent binds nobody. It works on `ResponseState` and refuses to know records and rows.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from schemas.base import EpochMs, Language
from schemas.catalogue import Catalogue
from schemas.incident import Incident, Obligation, Reason, Recipient
from schemas.records import Card, Notice
from streams.decisions.card import View, compose, plain_card
from streams.decisions.incident import Change, about, noted, parents_of, rank
from streams.decisions.obligation import ENDED_BY_SOLVING, start_clocks, stop_clocks
from streams.decisions.routing import next_level, not_joined, recipients, withheld
from streams.engine.respond_state import Outgoing, ResponseState

#: after a parent eased or ended, this long is left to its children to follow before their people are told
SETTLE_MS = 2000
#: the gravest tier may use the whole outbox, the others this part of it
_ORDINARY_PART = 0.9


@dataclass(slots=True)
class Telling:
    """The hand that tells: the state it works on and the number of the notice it makes next.

    `outbox` bounds the notices that wait for their receipts. `failed` collects, for each card that was made,
    its rule and the error's text (empty: well).
    """

    state: ResponseState
    catalogue: Catalogue
    offset: int
    outbox: int
    index: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)

    def announce(self, incident: Incident, change: Change, *, ages: bool, again: str = "") -> Incident:
        """Tell whom the routes name that the incident is at its tier, and start the tier's clocks.

        `ages`: not if its transition is stale. `again` tells a second telling of one transition apart.
        """
        reason = self._withheld(incident, ages=ages)
        if reason is not None:
            return self._withhold(incident, reason)
        matching = recipients(self.catalogue, incident.rule, incident.scope, incident.tier)
        if not matching:
            return self._withhold(incident, Reason.NO_ROUTE)
        to = not_joined(matching, self._graver(incident))
        if not to:
            return self._withhold(incident, Reason.JOINED)
        incident = self._bound(incident, to)
        self._take_children_in(incident)
        self._send(View(self.catalogue, incident, change, self.state.now_ms), to, incident.last.id + again)
        return incident

    def follow_up(self, incident: Incident, change: Change) -> Incident:
        """Tell those who know of the incident that it eased or ended, and let its children speak."""
        self._orphan_children(incident)
        if not incident.told:
            self.state.counts[Reason.NEVER_TOLD] += 1
            return incident
        reason = self._withheld(incident, ages=change is Change.EASED)
        if reason is not None:
            return self._withhold(incident, reason)
        view = View(self.catalogue, incident, change, self.state.now_ms)
        self._send(view, incident.told, incident.last.id)
        return incident

    def escalate(self, incident: Incident, overdue: Obligation) -> Incident:
        """Tell the next level that a deadline was missed."""
        incident = noted(incident, self.state.now_ms, "overdue", f"{overdue.clock} ({overdue.tier})")
        reason = self._withheld(incident, ages=False)
        to = next_level(self.catalogue, incident)
        if reason is not None or not to:
            return self._withhold(incident, reason or Reason.NO_ROUTE)
        level = max(incident.level, *(one.level for one in to))
        incident = incident.model_copy(update={"told": _joint(incident.told, to), "level": level})
        view = View(self.catalogue, incident, Change.KEPT, self.state.now_ms, overdue=overdue)
        self._send(view, to, f"due|{overdue.clock}|{overdue.tier}")
        return incident

    def _withheld(self, incident: Incident, *, ages: bool) -> Reason | None:
        silences = self.state.silences.values()
        return withheld(self.catalogue, incident.last, silences, self.state.now_ms, ages=ages)

    def _bound(self, incident: Incident, to: Sequence[Recipient]) -> Incident:
        """The incident after these were told of its tier: its clocks run."""
        now_ms, setting = self.state.now_ms, self.catalogue.installation
        tier = next((one for one in self.catalogue.tiers if one.id == incident.tier), None)
        obligations = incident.obligations
        if tier is not None:
            obligations = start_clocks(obligations, tier, now_ms, setting.working_hours, setting.time_zone)
        lowest = min(one.level for one in to)
        update = {
            "told": _joint(incident.told, to),
            "level": max(incident.level, lowest) if incident.told else lowest,
            "obligations": obligations,
            "untold": None,
            "tell_at_ms": None,
        }
        names = ", ".join(f"{one.person} ({one.channel})" for one in to)
        return noted(incident.model_copy(update=update), now_ms, "told", names)

    def _withhold(self, incident: Incident, reason: Reason) -> Incident:
        self.state.counts[reason] += 1
        if incident.untold is reason:
            return incident
        return noted(incident.model_copy(update={"untold": reason}), self.state.now_ms, "untold", reason)

    def _graver(self, incident: Incident) -> list[Incident]:
        """The open incidents around this one that are at least as grave."""
        own = rank(self.catalogue, incident.tier)
        parents = parents_of(incident, self.state.around(incident))
        return [one for one in parents if rank(self.catalogue, one.tier) >= own]

    def _children(self, incident: Incident) -> list[Incident]:
        return [] if incident.subject else self.state.inside(incident)

    def _take_children_in(self, parent: Incident) -> None:
        """What waits to be sent about a child of the same pane end is said by the parent's card instead."""
        knows = {(one.person, one.channel) for one in parent.told}
        for child in self._children(parent):
            graver = rank(self.catalogue, child.tier) > rank(self.catalogue, parent.tier)
            if graver or child.last.end_ms != parent.last.end_ms:
                continue
            back = {
                (one.notice.person, one.notice.channel)
                for one in self.state.waiting_of(child.id)
                if one.notice.about == "transition" and (one.notice.person, one.notice.channel) in knows
            }
            if back:
                self._take_in(child, parent, back)

    def _take_in(self, child: Incident, parent: Incident, back: set[tuple[str, str]]) -> None:
        for one in self.state.waiting_of(child.id):
            if (one.notice.person, one.notice.channel) in back and one.notice.about == "transition":
                self.state.take_back(one.notice.id)
                self.state.counts[Reason.JOINED] += 1
        told = [one for one in child.told if (one.person, one.channel) not in back]
        update: dict[str, object] = {"told": told, "parent": parent.id}
        if not told:
            void = stop_clocks(child.obligations, ENDED_BY_SOLVING, self.state.now_ms)
            void = stop_clocks(void, ["report"], self.state.now_ms)
            update |= {"obligations": void, "untold": Reason.JOINED}
        child = child.model_copy(update=update)
        self.state.keep(noted(child, self.state.now_ms, "untold", Reason.JOINED))

    def _orphan_children(self, parent: Incident) -> None:
        joined = [child for child in self._children(parent) if child.untold is Reason.JOINED]
        retell(self.state, joined, self.state.now_ms + SETTLE_MS)

    def _send(self, view: View, to: Sequence[Recipient], why: str) -> None:
        within = [one for one in self._children(view.incident) if view.change is not Change.RESOLVED]
        people = self.catalogue.people
        to = [one for one in to if one.person in people and one.channel in self.catalogue.channels]
        first = min((one.level for one in to), default=0)
        names = tuple(dict.fromkeys(people[one.person].name for one in to if one.level == first))
        view = View(self.catalogue, view.incident, view.change, view.now_ms, names, within, view.overdue)
        cards: dict[Language, Card] = {}
        for one in to:
            language = people[one.person].language
            if language not in cards:
                cards[language] = self._card(view, language)
            self._put(view, one, cards[language], why)

    def _card(self, view: View, language: Language) -> Card:
        rule = view.incident.rule
        try:
            card = compose(view, language)
        except (
            Exception
        ) as error:  # a card that raises is set aside, counted and alerted; the notice still goes
            self.state.counts[Reason.CARD_FAILED] += 1
            self.failed.append((rule, repr(error)))
            return plain_card(view.incident, language)
        self.failed.append((rule, ""))
        return card

    def _put(self, view: View, to: Recipient, card: Card, why: str) -> None:
        incident = view.incident
        subject = "due" if view.overdue is not None else about(incident, view.change)
        if subject != "due":
            self._supersede(incident, to)
        if self._is_full(incident.tier):
            self.state.counts[Reason.OUTBOX_FULL] += 1
            return
        notice = Notice(
            id=notice_id(incident.id, why, to),
            key=incident.id,
            incident=incident.id,
            channel=to.channel,
            person=to.person,
            address=to.address,
            language=self.catalogue.people[to.person].language,
            tier=card.tier,
            about=subject,
            facts=card,
        )
        self.index += 1
        outgoing = Outgoing(notice=notice, number=(self.offset, self.index), end_ms=incident.last.end_ms)
        self.state.send_out(outgoing)
        self.state.counts["notices"] += 1

    def _supersede(self, incident: Incident, to: Recipient) -> None:
        for one in self.state.waiting_of(incident.id):
            notice = one.notice
            same = (notice.person, notice.channel) == (to.person, to.channel)
            if same and notice.about != "due" and one.end_ms == incident.last.end_ms:
                self.state.take_back(notice.id)
                self.state.counts[Reason.SUPERSEDED] += 1

    def _is_full(self, tier: str) -> bool:
        gravest = rank(self.catalogue, tier) == len(self.catalogue.ladder)
        return len(self.state.outbox) >= (self.outbox if gravest else ordinary_places(self.outbox))


def ordinary_places(outbox: int) -> int:
    """The places of an outbox that are not kept for the gravest tier; at least one.

    >>> ordinary_places(10_000), ordinary_places(1)
    (9000, 1)
    """
    return max(1, int(outbox * _ORDINARY_PART))


def notice_id(incident: str, why: str, to: Recipient) -> str:
    """The same words to the same person on the same channel always have the same id.

    >>> notice_id("refunds-1", "due|solve|red", Recipient(person="li", channel="mail", level=2))
    'd4ee54befc74e9a7'
    """
    return hashlib.sha256(f"{incident}|{why}|{to.person}|{to.channel}".encode()).hexdigest()[:16]


def _joint(told: Iterable[Recipient], to: Iterable[Recipient]) -> list[Recipient]:
    return list({(one.person, one.channel): one for one in (*told, *to)}.values())


def retell(state: ResponseState, incidents: Iterable[Incident], at_ms: EpochMs) -> None:
    """Try again at `at_ms` to tell of these open incidents."""
    for incident in incidents:
        state.keep(incident.model_copy(update={"tell_at_ms": at_ms}))
