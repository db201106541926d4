"""Sends notices: a queue for each channel, its pace, retries with backoff, and a receipt for everything.

A notice without a receipt at the end (stopped, killed) stays in the outbox of the state and is sent again by
the next owner. What a notice says and who gets it is decided long before.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from schemas.catalogue import Catalogue
from schemas.errors import ChannelError, StateError
from schemas.records import Notice, Receipt, SelfAlert
from streams.channels import Port, build
from streams.channels.lane import Lane, Room
from streams.channels.port import Deps, Pace
from streams.settings import Settings

OnReceipt = Callable[[Receipt], Awaitable[None]]
OnAlert = Callable[[SelfAlert], Awaitable[None]]

#: failures in a row, over different notices, after which the channel itself is alerted about
_TROUBLE = 3
_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Patience:
    """How often one notice is tried; it waits `first_s`, doubled each time, at most `most_s`."""

    attempts: int = 8
    first_s: float = 1.0
    most_s: float = 60.0

    def wait(self, tries: int, luck: float) -> float:
        """Seconds before try number `tries` + 1; `luck` in [0, 1) spreads it over the upper half.

        >>> Patience().wait(1, 0.0), Patience().wait(3, 0.5), Patience().wait(20, 0.0)
        (0.5, 3.0, 30.0)
        """
        return min(self.first_s * 2.0 ** min(tries - 1, 30), self.most_s) * (0.5 + luck / 2)


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every channel; at most `most` notices wait for one."""

    ladder: tuple[str, ...]
    deps: Deps
    patience: Patience
    most: int


class Dispatcher:
    """Every channel's lane with the task that empties it.

    `on_receipt` is awaited for each notice once its fate is known; what it raises ends the sending, and the
    next `submit` raises it. `on_alert` is awaited when a channel begins or ceases to fail.
    """

    def __init__(
        self,
        channels: Mapping[str, Port | ChannelError],
        ladder: tuple[str, ...],
        deps: Deps,
        *,
        patience: Patience | None = None,
        most: int = 10_000,
    ) -> None:
        self.on_receipt: OnReceipt | None = None
        self.on_alert: OnAlert | None = None
        self.terms = Terms(ladder, deps, patience or Patience(), most)
        self._runners = {name: _Runner(self, name, port) for name, port in channels.items()}
        self._unknown: Counter[str] = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        self.failure: BaseException | None = None

    @classmethod
    def of(cls, catalogue: Catalogue, settings: Settings, deps: Deps | None = None) -> "Dispatcher":
        """The dispatcher of an installation. What goes to a channel that cannot be built fails at once."""
        deps = deps or Deps()
        channels: dict[str, Port | ChannelError] = {}
        for name, channel in catalogue.channels.items():
            try:
                channels[name] = build(channel, deps)
            except ChannelError as error:
                channels[name] = error
        patience = Patience(attempts=settings.respond.attempts)
        return cls(channels, catalogue.ladder, deps, patience=patience, most=settings.respond.outbox)

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        """(channel, outcome) → notices: submitted, repeated, overflowed, sent, failed, dropped, retried…"""
        found = {
            (name, what): n for name, one in self._runners.items() for what, n in one.lane.counts.items()
        }
        return found | {(name, "no_channel"): n for name, n in self._unknown.items()}

    @property
    def depths(self) -> dict[str, int]:
        """Channel → notices that wait or are being sent."""
        return {name: len(one.lane) for name, one in self._runners.items()}

    @property
    def failing(self) -> list[str]:
        """The channels that fail now."""
        return sorted(name for name, one in self._runners.items() if one.failing)

    @property
    def full(self) -> list[str]:
        """The channels for which more notices wait than they have places."""
        return sorted(name for name, one in self._runners.items() if one.lane.full)

    async def submit(self, notice: Notice) -> None:
        """Take a notice to be sent; does not wait for it. A notice that is already here changes nothing."""
        if self.failure is not None:
            raise StateError(f"a receipt could not be written: {self.failure!r}") from self.failure
        runner = self._runners.get(notice.channel)
        if runner is None:
            self._unknown[notice.channel] += 1
            await self.receipt(
                Receipt(notice=notice.id, outcome="failed", detail="the catalogue has no such channel")
            )
            return
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._run(one)) for one in self._runners.values()]
        runner.lane.put(notice)
        runner.wake.set()

    async def stop(self, deadline_s: float = 5.0) -> int:
        """Send what can be sent within the deadline, then leave; gives the number of notices left unsent."""
        for runner in self._runners.values():
            runner.finish()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=deadline_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for runner in self._runners.values():
            await runner.close()
        return sum(self.depths.values())

    async def receipt(self, receipt: Receipt) -> None:
        """Pass a receipt on."""
        if self.on_receipt is not None:
            await self.on_receipt(receipt)

    async def alert(self, alert: SelfAlert) -> None:
        """Pass an alert about a channel on."""
        if self.on_alert is not None:
            await self.on_alert(alert)

    async def _run(self, runner: "_Runner") -> None:
        try:
            await runner.run()
        except Exception as error:
            self.failure = error


class _Runner:
    """Empties one lane."""

    def __init__(self, dispatcher: Dispatcher, name: str, port: Port | ChannelError) -> None:
        terms = dispatcher.terms
        pace = Pace(1000, 1.0) if isinstance(port, ChannelError) else port.pace
        shared = not isinstance(port, ChannelError) and port.shared
        self.lane = Lane(pace, Room.of(pace, terms.most), terms.ladder, shared=shared)
        self.wake = asyncio.Event()
        self.failing = False
        self._dispatcher, self._name, self._port = dispatcher, name, port
        self._patience, self._clock = terms.patience, terms.deps.clock
        self._tier = terms.ladder[max(len(terms.ladder) - 2, 0)] if terms.ladder else ""
        self._streak = 0
        self._paused_s = 0.0
        self._finishing = False

    async def run(self) -> None:
        """Send until there is nothing left and `finish` was called."""
        loop = asyncio.get_running_loop()
        while True:
            self.wake.clear()
            await self._pass_receipts_on()
            now_s = loop.time()
            notice = self.lane.next(now_s) if now_s >= self._paused_s else None
            if notice is not None:
                await self._send(notice)
                continue
            wait_s = self.lane.wait(now_s)
            if self._finishing:
                return
            if wait_s is not None:
                wait_s = max(wait_s, self._paused_s - now_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), wait_s)

    def finish(self) -> None:
        """Send what may be sent now, then end."""
        self._finishing = True
        self.wake.set()

    async def close(self) -> None:
        """Let the channel's connections go."""
        if not isinstance(self._port, ChannelError):
            await self._port.close()

    async def _send(self, notice: Notice) -> None:
        loop = asyncio.get_running_loop()
        try:
            if isinstance(self._port, ChannelError):
                raise self._port
            await self._port.send(notice)
        except asyncio.CancelledError:
            self.lane.let_go()
            raise
        except ChannelError as error:
            await self._failed(error, loop.time())
        except Exception as error:  # a channel that raises is set aside for this notice, counted and alerted
            unexpected = ChannelError(
                f"channel {self._name}: {type(error).__name__} while sending", retry=False
            )
            await self._failed(unexpected, loop.time())
        else:
            self._streak = 0
            self.lane.sent(loop.time())
            await self._say(failing=False, text="it delivers again")

    async def _failed(self, error: ChannelError, now_s: float) -> None:
        self._streak += 1
        tries = self.lane.tries + 1
        gives_up = not error.retry or tries >= self._patience.attempts
        if gives_up:
            self.lane.gave_up(now_s, str(error)[:_DETAIL])
        else:
            wait_s = max(self._patience.wait(tries, random.random()), error.after_s or 0.0)
            self.lane.again(now_s, now_s + wait_s)
            if error.after_s is not None:
                self._paused_s = now_s + error.after_s
            elif self._streak > 1:
                self._paused_s = now_s + self._patience.wait(self._streak - 1, random.random())
        if gives_up or self._streak >= _TROUBLE:
            await self._say(failing=True, text=str(error)[:_DETAIL])

    async def _say(self, *, failing: bool, text: str) -> None:
        if failing == self.failing:
            return
        self.failing = failing
        at_ms = self._clock.now_ms()
        alert = SelfAlert(
            what="channel_failing", subject=self._name, on=failing, tier=self._tier, text=text, at_ms=at_ms
        )
        await self._dispatcher.alert(alert)

    async def _pass_receipts_on(self) -> None:
        while self.lane.receipts:
            await self._dispatcher.receipt(self.lane.receipts[0])
            self.lane.receipts.popleft()
