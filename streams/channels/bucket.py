"""A token bucket whose tokens come back a fixed time after they were used: never too fast in any window.

A bucket that refills evenly allows almost twice its count in one window; robots count every window.
"""

from collections import deque

from streams.channels.port import Pace


class Bucket:
    """`pace.count` tokens; each comes back `pace.per_s` after its use has ended. `now_s` is any steady clock.

    >>> bucket = Bucket(Pace(2, 60.0))
    >>> for now_s in (0.0, 1.0): bucket.take(now_s)
    >>> bucket.free(59.0), bucket.wait(59.0, keep=0), bucket.wait(59.0, keep=1)
    (0, 1.0, 2.0)
    """

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._used: deque[float] = deque()

    def free(self, now_s: float) -> int:
        """The tokens there are."""
        while self._used and now_s - self._used[0] >= self.pace.per_s:
            self._used.popleft()
        return self.pace.count - len(self._used)

    def take(self, now_s: float) -> None:
        """Use one; call it when the use has ended, so that the receiver's clock cannot be behind ours."""
        self._used.append(now_s)

    def wait(self, now_s: float, *, keep: int) -> float:
        """Seconds until a token is free beyond `keep` others; 0 when one is."""
        missing = keep + 1 - self.free(now_s)
        if missing <= 0:
            return 0.0
        index = min(missing, len(self._used)) - 1
        return max(self._used[index] + self.pace.per_s - now_s, 0.0)
