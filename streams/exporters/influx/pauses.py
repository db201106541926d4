"""How long to wait before the next attempt: exponential with jitter, never less than the server asks.

Decides numbers only; refuses to wait.
"""

import random

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
#: with a wrong token or bucket only a person helps; asking more often only fills his log
MISCONFIGURED_SECONDS = 30.0
#: a server that asks for more is asked again all the same
LONGEST_ASKED_SECONDS = 300.0


class Pauses:
    """The pauses of one sink; `failures` counts attempts since the last that went through."""

    def __init__(self, first_s: float = FIRST_SECONDS, draw: random.Random | None = None) -> None:
        self._first_s = first_s
        self._draw = draw or random.Random()
        self.failures = 0

    def reset(self) -> None:
        """It went through."""
        self.failures = 0

    def after_failure(self, asked_s: float | None, *, misconfigured: bool) -> float:
        """Seconds to wait: half to the whole of the step, or longer if the server asked for it.

        Jitter as "equal jitter" in Brooker, Exponential Backoff and Jitter, AWS Architecture Blog (2015).
        """
        step = min(LONGEST_SECONDS, self._first_s * float(2 ** min(self.failures, 16)))
        self.failures += 1
        if misconfigured:
            step = MISCONFIGURED_SECONDS * self._first_s / FIRST_SECONDS
        pause = step * self._draw.uniform(0.5, 1.0)
        return max(pause, min(asked_s or 0.0, LONGEST_ASKED_SECONDS))
