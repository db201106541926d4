"""One channel's queue: what is sent next, what waits, what is merged, and what becomes of what does not fit.

Grave notices go first and may use the places and tokens that are kept free for them. A notice that is newer
about the same incident for the same person replaces one that still waits. What does not fit is told in a
digest. It decides with `now_s` as an argument and refuses to know how a message is sent.
"""

import hashlib
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.base import Language
from schemas.records import Card, Notice, Receipt
from streams.channels.bucket import Bucket
from streams.channels.port import Pace
from streams.channels.queue import Queue, Waiting

#: a digest names this many cards
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Room:
    """Places in the queue; `kept` of them, and `kept_tokens` of the pace, are for the gravest tier only."""

    places: int
    kept: int
    kept_tokens: int

    @classmethod
    def of(cls, pace: Pace, most: int) -> "Room":
        """Five minutes of the pace, at least 50 places, at most `most`; a fifth of places and tokens is kept.

        >>> Room.of(Pace(20, 60.0), 10_000)
        Room(places=100, kept=20, kept_tokens=4)
        """
        places = min(max(int(pace.count * 300 / pace.per_s), 50), most)
        return cls(places, places // 5, min(pace.count // 5, 100))


class Lane:
    """The queue of one channel; `receipts` collects what has become of notices until somebody takes them."""

    def __init__(self, pace: Pace, room: Room, ladder: Sequence[str], *, shared: bool) -> None:
        self.bucket = Bucket(pace)
        self.room = room
        self.counts: Counter[str] = Counter()
        self.receipts: deque[Receipt] = deque()
        self._ladder = tuple(ladder)
        self._shared = shared
        #: ids of the notices that have no receipt yet
        self._here: set[str] = set()
        self._queue = Queue()
        self._sending: list[Waiting] = []
        self._overflow: list[Notice] = []
        self._digests: dict[str, list[Notice]] = {}

    def __len__(self) -> int:
        """Notices that wait, are being sent, or will be in a digest."""
        return len(self._queue) + len(self._sending) + len(self._overflow)

    @property
    def full(self) -> bool:
        """Notices did not fit and wait for a digest."""
        return bool(self._overflow)

    def put(self, notice: Notice) -> None:
        """Take a notice: queued, or kept for a digest; one that is already here changes nothing."""
        if notice.id in self._here:
            self.counts["repeated"] += 1
            return
        self.counts["submitted"] += 1
        self._here.add(notice.id)
        self._replace(notice)
        grave = self._is_gravest(notice)
        if len(self._queue) >= (self.room.places if grave else self.room.places - self.room.kept):
            self.counts["overflowed"] += 1
            self._overflow.append(notice)
        else:
            self._queue.add(Waiting(notice), grave=grave)

    def next(self, now_s: float) -> Notice | None:
        """The notice to send now; it stays with the lane until `sent`, `again` or `gave_up`."""
        self._make_digest()
        free = self.bucket.free(now_s)
        first = self._queue.first(now_s)
        if first is None or free < 1:
            return None
        if not self._is_gravest(first.notice) and free <= self.room.kept_tokens:
            return None
        self._sending = self._queue.like(first, now_s) if self._shared else [first]
        for one in self._sending:
            self._queue.remove(one)
        return _merged([one.notice for one in self._sending])

    def wait(self, now_s: float) -> float | None:
        """Seconds until something may be sent; None while nothing waits."""
        kept = (0, self.room.kept_tokens)
        waits = [
            max(ready_s - now_s, self.bucket.wait(now_s, keep=keep))
            for ready_s, keep in zip(self._queue.ready_s(), kept, strict=True)
            if ready_s is not None
        ]
        return min(waits, default=None)

    def sent(self, now_s: float) -> None:
        """What `next` gave was delivered."""
        self._finish(now_s, "sent", "")

    def gave_up(self, now_s: float, why: str) -> None:
        """What `next` gave cannot be delivered."""
        self._finish(now_s, "failed", why)

    def again(self, now_s: float, ready_s: float) -> None:
        """What `next` gave may be tried again from `ready_s` on; it keeps its place."""
        self.bucket.take(now_s)
        self.counts["retried"] += len(self._sending)
        for one in self._sending:
            one.tries += 1
            one.ready_s = ready_s
        self.let_go()

    def let_go(self) -> None:
        """What `next` gave is neither delivered nor refused: it waits again as if never taken."""
        sending, self._sending = self._sending, []
        for grave in (False, True):
            some = [one for one in sending if self._is_gravest(one.notice) is grave]
            self._queue.put_back(some, grave=grave)

    @property
    def tries(self) -> int:
        """How often what is being sent was tried before."""
        return max((one.tries for one in self._sending), default=0)

    def _finish(self, now_s: float, outcome: str, why: str) -> None:
        self.bucket.take(now_s)
        for one in self._sending:
            inside = self._digests.pop(one.notice.id, None)
            if inside is None:
                self._close(one.notice, outcome, why)
                continue
            self.counts[f"digest_{outcome}"] += 1
            for notice in inside:
                if outcome == "sent":
                    self._close(notice, "dropped", f"told in digest {one.notice.id}")
                else:
                    self._close(notice, outcome, why)
        self._sending = []

    def _close(self, notice: Notice, outcome: str, why: str) -> None:
        self.counts[outcome] += 1
        self._here.discard(notice.id)
        self.receipts.append(Receipt.model_validate({"notice": notice.id, "outcome": outcome, "detail": why}))

    def _replace(self, notice: Notice) -> None:
        for one in self._queue.replaced_by(notice):
            self._queue.remove(one)
            self._close(one.notice, "dropped", f"replaced by {notice.id} before it was sent")

    def _is_gravest(self, notice: Notice) -> bool:
        return bool(self._ladder) and notice.tier == self._ladder[-1]

    def _make_digest(self) -> None:
        """When half of the queue is free again, put what did not fit into one card for each reader."""
        if not self._overflow or len(self._queue) > (self.room.places - self.room.kept) // 2:
            return
        groups: dict[tuple[str, str], list[Notice]] = {}
        for notice in self._overflow:
            reader = notice.language if self._shared else notice.address
            groups.setdefault((reader, notice.language), []).append(notice)
        self._overflow = []
        for notices in groups.values():
            made = digest(notices, self._ladder)
            self._digests[made.id] = notices
            self._queue.add(Waiting(made), grave=self._is_gravest(made))


def _merged(notices: list[Notice]) -> Notice:
    joined = ",".join(dict.fromkeys(one.address for one in notices if one.address))
    return notices[0] if len(notices) == 1 else notices[0].model_copy(update={"address": joined})


def digest(notices: Sequence[Notice], ladder: Sequence[str]) -> Notice:
    """One notice in place of many: how many of each tier, and the first titles; as grave as the gravest."""
    rank = {tier: index for index, tier in enumerate(ladder)}
    ordered = sorted(notices, key=lambda one: -rank.get(one.tier, -1))
    first, zh = ordered[0], ordered[0].language == "zh"
    tiers = Counter(one.facts.tier_title for one in ordered)
    lines = [("合计" if zh else "In all", ", ".join(f"{tier}: {count}" for tier, count in tiers.items()))]
    lines += [(one.facts.tier_title, one.facts.title) for one in ordered[:_NAMED]]
    lines.append(("查看" if zh else "All of them", "planwatch incidents list"))
    title = f"{len(ordered)} 条通知合并" if zh else f"{len(ordered)} notices in one"
    language: Language = first.language
    name = hashlib.sha256("|".join(sorted(one.id for one in notices)).encode()).hexdigest()[:16]
    card = Card.model_validate({**first.facts.model_dump(), "title": title, "lines": lines})
    addresses = ",".join(dict.fromkeys(one.address for one in ordered if one.address))
    return first.model_copy(
        update={
            "id": f"digest-{name}",
            "key": f"digest-{name}",
            "incident": "",
            "about": "digest",
            "address": addresses,
            "language": language,
            "facts": card,
        }
    )
