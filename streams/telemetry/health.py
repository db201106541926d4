"""Why a stage is not ready, or ready but not well: named reasons, set and cleared by whoever knows.

Decides what `ready` means: no blocking reason stands. A warning (a sink that does not answer) is shown and
alerted, but does not take a worker out of service that still counts correctly. Refuses to know who asks.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple


class Reason(NamedTuple):
    """One thing that is wrong: `name` is bounded (a label), `text` is for people and says the remedy.

    `told`: it does not pass by itself, so people are alerted.
    """

    name: str
    text: str
    blocking: bool
    told: bool


Watcher = Callable[[Reason, bool], None]


class Health:
    """The reasons that stand now. Every change reaches the watchers once, as (reason, on).

    >>> health = Health(["starting"])
    >>> health.ready
    False
    >>> health.clear("starting"); health.warn("sink", "InfluxDB does not answer"); health.ready
    True
    >>> [reason.name for reason in health.reasons()]
    ['sink']
    """

    def __init__(self, blocking: Iterable[str] = ()) -> None:
        self._reasons = {name: Reason(name, name.replace("_", " "), True, False) for name in blocking}
        self._watchers: list[Watcher] = []

    @property
    def ready(self) -> bool:
        """No blocking reason stands."""
        return not any(reason.blocking for reason in self._reasons.values())

    @property
    def current(self) -> bool:
        """What this process holds is true now: if it is not ready, then only for a sink's sake."""
        return not any(reason.blocking and not reason.told for reason in self._reasons.values())

    def reasons(self) -> list[Reason]:
        """What stands now, blocking first, then by name."""
        return sorted(self._reasons.values(), key=lambda reason: (not reason.blocking, reason.name))

    def block(self, name: str, text: str, *, tell: bool = False) -> None:
        """Not ready for this reason until it is cleared; setting it again replaces the text.

        `tell`: people are alerted, as of a warning.
        """
        self._set(Reason(name, text, True, tell))

    def warn(self, name: str, text: str) -> None:
        """Ready, but not well for this reason until it is cleared; setting it again replaces the text."""
        self._set(Reason(name, text, False, True))

    def clear(self, name: str) -> None:
        """The reason is gone; clearing what does not stand changes nothing."""
        if reason := self._reasons.pop(name, None):
            self._tell(reason, False)

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher(reason, on)` when a reason begins or ends; a new text alone is no change."""
        self._watchers.append(watcher)

    def as_json(self) -> dict[str, object]:
        """`ready`, the blocking reasons and the warnings, each name → text."""
        return {
            "ready": self.ready,
            "reasons": {reason.name: reason.text for reason in self.reasons() if reason.blocking},
            "warnings": {reason.name: reason.text for reason in self.reasons() if not reason.blocking},
        }

    def _set(self, reason: Reason) -> None:
        before = self._reasons.get(reason.name)
        self._reasons[reason.name] = reason
        if before is None or before.blocking != reason.blocking:
            self._tell(reason, True)

    def _tell(self, reason: Reason, on: bool) -> None:
        for watcher in self._watchers:
            watcher(reason, on)
