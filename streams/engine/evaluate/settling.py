"""When it is enough to look at a rule where its own measures move.

Decides from when the rule was found warm, from when content last came late, and how far the windows reach.
"""

from collections.abc import Iterable, Sequence

from schemas.period import DAY_MS
from streams.engine.evaluate.since import Since
from streams.engine.evaluate.store import Store
from streams.engine.evaluate.tiers import RuleTiers
from streams.windows.spans import Rolling, Spec

#: the edge of a long window moves by the hour, and of days only the whole may be kept
_MARGIN_MS = 2 * DAY_MS


class Settling:
    """`looking_back`: (window, span back) of everything that rules compare with."""

    def __init__(
        self, specs: Sequence[Spec], looking_back: Iterable[tuple[int, int]], since: Since, store: Store
    ) -> None:
        self._since = since
        self._store = store
        self._reach: dict[int, int] = {}
        for window, ago_ms in looking_back:
            spec = specs[window]
            if isinstance(spec, Rolling):
                reach = spec.length_ms + ago_ms + _MARGIN_MS
                self._reach[window] = max(reach, self._reach.get(window, 0))

    def is_settled(self, tiers: RuleTiers, end_ms: int) -> bool:
        """Whether only what moves in the rule's own measures can still change what it finds.

        So it is when every scope was judged since the rule became warm and since content came late: when
        whatever was there then has left the window and all windows that are compared with it. A rule judged
        on update always was warm and compares with nothing that moves. Calendar windows never settle.
        """
        if tiers.plan.rule.on == "update":
            return True
        reach = self._reach.get(tiers.plan.window)
        if reach is None or tiers.warm != self._since.revision:
            return False
        return max(tiers.warm_ms, self._store.late_ms) + reach <= end_ms
