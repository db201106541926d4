"""The notices that wait for one channel, in the order in which they are sent.

The gravest go first, and what was put back before what was never taken. Every step takes the same time,
however many notices wait; only what was put back, having failed, is looked through.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.records import Notice

_STATES = ("transition", "resolved", "self_alert")


@dataclass(slots=True, eq=False)
class Waiting:
    """A notice in the queue: how often it was tried, and from when it may be tried again."""

    notice: Notice
    tries: int = 0
    ready_s: float = 0.0


class _Line:
    """The notices of equal weight."""

    def __init__(self) -> None:
        self.put_back: OrderedDict[str, Waiting] = OrderedDict()
        self.fresh: OrderedDict[str, Waiting] = OrderedDict()

    def first(self, now_s: float) -> Waiting | None:
        for one in self.put_back.values():
            if one.ready_s <= now_s:
                return one
        return next(iter(self.fresh.values()), None)

    def ready_s(self) -> float | None:
        """When the next of them may be sent, 0 for what was never taken; None when there is none."""
        return 0.0 if self.fresh else min((one.ready_s for one in self.put_back.values()), default=None)


class Queue:
    """The notices, and where among them is what another one replaces or is sent with."""

    def __init__(self) -> None:
        self._grave, self._mild = _Line(), _Line()
        #: of each key and person, what tells how things stand
        self._states: dict[tuple[str, str], dict[str, Waiting]] = {}
        #: of each incident and occasion
        self._alike: dict[tuple[str, str], dict[str, Waiting]] = {}

    def __len__(self) -> int:
        return sum(len(line.put_back) + len(line.fresh) for line in (self._grave, self._mild))

    def add(self, one: Waiting, *, grave: bool) -> None:
        """Put one behind its like."""
        (self._grave if grave else self._mild).fresh[one.notice.id] = one
        self._note(one)

    def put_back(self, ones: Iterable[Waiting], *, grave: bool) -> None:
        """Put what was taken before all others, in this order."""
        line = self._grave if grave else self._mild
        for one in reversed(list(ones)):
            line.put_back[one.notice.id] = one
            line.put_back.move_to_end(one.notice.id, last=False)
            self._note(one)

    def remove(self, one: Waiting) -> None:
        """Take one out."""
        name = one.notice.id
        for line in (self._grave, self._mild):
            line.put_back.pop(name, None)
            line.fresh.pop(name, None)
        for index, key in ((self._states, _person(one)), (self._alike, _occasion(one))):
            if (ones := index.get(key)) is not None:
                ones.pop(name, None)
                if not ones:
                    del index[key]

    def first(self, now_s: float) -> Waiting | None:
        """The first that may be sent now."""
        return self._grave.first(now_s) or self._mild.first(now_s)

    def like(self, first: Waiting, now_s: float) -> list[Waiting]:
        """Those that say the same and may be sent now, itself first."""
        others = self._alike.get(_occasion(first), {}).values()
        facts = first.notice.facts
        return [first] + [
            one for one in others if one is not first and one.ready_s <= now_s and one.notice.facts == facts
        ]

    def replaced_by(self, notice: Notice) -> list[Waiting]:
        """Those that told the same person of the same thing how it stood before this notice."""
        found = self._states.get((notice.key, notice.person), {}) if notice.about in _STATES else {}
        return list(found.values())

    def ready_s(self) -> tuple[float | None, float | None]:
        """When the next of the gravest, and the next of the others, may be sent."""
        return self._grave.ready_s(), self._mild.ready_s()

    def _note(self, one: Waiting) -> None:
        self._alike.setdefault(_occasion(one), {})[one.notice.id] = one
        if one.notice.about in _STATES:
            self._states.setdefault(_person(one), {})[one.notice.id] = one


def _person(one: Waiting) -> tuple[str, str]:
    return one.notice.key, one.notice.person


def _occasion(one: Waiting) -> tuple[str, str]:
    return one.notice.incident, one.notice.about
