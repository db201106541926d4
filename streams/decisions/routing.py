"""Decides who is told of a transition or of a missed deadline, and for what reason nobody is.

It refuses to know how a card looks and whether a channel can be reached.
"""

from collections.abc import Iterable, Sequence

from schemas.base import EpochMs, Scope
from schemas.catalogue import Catalogue
from schemas.incident import Incident, Reason, Recipient
from schemas.records import Silence, Transition
from schemas.route import Person


def covers(wide: Scope, narrow: Scope) -> bool:
    """Everything in `narrow` lies in `wide`; the company covers all, and each scope itself.

    >>> covers({}, {"region": "East"}), covers({"region": "East"}, {})
    (True, False)
    """
    return all(narrow.get(name) == value for name, value in wide.items())


def recipients(catalogue: Catalogue, rule: str, scope: Scope, tier: str) -> list[Recipient]:
    """Who is told that `rule` reached `tier` at `scope`: every matching route, each person once per channel.

    A route matches when it lists the tier, its scope covers this one and it names the rule or none.
    """
    found: dict[tuple[str, str], Recipient] = {}
    for route in catalogue.routes:
        if tier not in route.tiers or not covers(route.scope, scope):
            continue
        if route.rules and rule not in route.rules:
            continue
        for name in route.people:
            for channel in route.channels:
                found.setdefault((name, channel), _recipient(catalogue.people[name], channel))
    return list(found.values())


def next_level(catalogue: Catalogue, incident: Incident) -> list[Recipient]:
    """Who is told of a missed deadline: the lowest level above those reached whose people cover the scope.

    On the channels of the routes that match where the person has a contact, else on all of his contacts, else
    on the channels of the routes. Where there is no level above: those who know already, at their highest.
    """
    above = [
        p for p in catalogue.people.values() if p.level > incident.level and covers(p.scope, incident.scope)
    ]
    if not above:
        top = max((one.level for one in incident.told), default=0)
        return [one for one in incident.told if one.level == top]
    level = min(person.level for person in above)
    routed = dict.fromkeys(one.channel for one in _routed(catalogue, incident))
    told: list[Recipient] = []
    for person in above:
        if person.level == level:
            told.extend(_recipient(person, channel) for channel in _channels(person, list(routed), catalogue))
    return told


def _routed(catalogue: Catalogue, incident: Incident) -> list[Recipient]:
    return recipients(catalogue, incident.rule, incident.scope, incident.shown_tier) or incident.told


def _channels(person: Person, routed: Sequence[str], catalogue: Catalogue) -> list[str]:
    contacts = [name for name in person.contacts if name in catalogue.channels]
    return [name for name in routed if name in contacts] or contacts or list(routed)


def _recipient(person: Person, channel: str) -> Recipient:
    return Recipient(
        person=person.id, channel=channel, level=person.level, address=person.contacts.get(channel, "")
    )


def withheld(
    catalogue: Catalogue, transition: Transition, silences: Iterable[Silence], now_ms: EpochMs, *, ages: bool
) -> Reason | None:
    """Why nobody may be told of a transition at record time `now_ms`; None when people may.

    Edge: exactly `stale_after` old is still told. `ages=False`: it is told however old it is (an end that
    people wait for, an alert of Planwatch about itself).
    """
    if transition.silent or not catalogue.installation.live:
        return Reason.SHADOW
    if ages and now_ms - transition.end_ms > catalogue.installation.stale_after.ms:
        return Reason.STALE
    return Reason.SILENCED if is_silenced(transition.rule, transition.scope, silences, now_ms) else None


def is_silenced(rule: str, scope: Scope, silences: Iterable[Silence], now_ms: EpochMs) -> bool:
    """A silence for this rule (or all) that covers the scope has not ended; it ends at `until_ms` exactly."""
    return any(
        one.until_ms > now_ms and one.rule in ("", rule) and covers(one.scope, scope) for one in silences
    )


def not_joined(told: Iterable[Recipient], parents: Iterable[Incident]) -> list[Recipient]:
    """Those whom a child's notice must still reach: not told of a parent on that channel.

    `parents` are the open incidents around the child that are at least as grave.
    """
    knows = {(one.person, one.channel) for parent in parents for one in parent.told}
    return [one for one in told if (one.person, one.channel) not in knows]
