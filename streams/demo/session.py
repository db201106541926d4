"""One run of the demonstration: installation, worker, player, watcher, and a clean end.

The player publishes through the same topics as any producer; the watcher reads the same pages and the same
inbox as anybody could. Nothing is shown that did not go through the whole flow.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas.errors import BrokerError, PlanwatchError
from schemas.records import INBOX_RECORD, Receipt, Transition
from streams.clock import Clock
from streams.demo.installation import pages
from streams.demo.scenario import Sent, Timeline, history, play, timeline
from streams.demo.story import Story
from streams.topics import Names

_READY_S = 30.0
_STEP_S = 0.05
_WATCH_S = 0.25
_STOP_S = 12.0


@dataclass
class Session:
    """What one run needs; `on_change` is called when there is something new to draw."""

    env: Mapping[str, str]
    story: Story
    clock: Clock
    log_file: Path
    on_change: Callable[[], None]
    say: Callable[[str], None]
    seed: int
    names: Names = field(default_factory=lambda: Names("planwatch"))

    @property
    def bootstrap(self) -> str:
        """The broker's address."""
        return self.env["PLANWATCH_KAFKA__BOOTSTRAP"]

    async def run(self, play_s: float, stop_after_s: float | None) -> None:
        """Play the scenario within `play_s`, then normal life, until `stop_after_s` or cancelled."""
        loop = asyncio.get_running_loop()
        stop_at = None if stop_after_s is None else loop.time() + stop_after_s
        await self._command("topics", "apply")
        with self.log_file.open("wb") as log:
            worker = await self._start_worker(log)
            tasks = [asyncio.create_task(self._read_notices(worker))]
            try:
                await self._wait_ready(worker)
                self.say("ready: " + "  ".join(f"{url}/metrics" for url in pages(self.env).values()))
                tasks += [asyncio.create_task(one) for one in (self._watch_inbox(), self._watch_figures())]
                async with asyncio.timeout_at(stop_at):
                    await self._play(play_s, worker)
            except TimeoutError:
                self.say("the time is over")
            finally:
                await self._end(worker, tasks)

    async def _command(self, *words: str) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "streams.cli.main", *words, env=dict(self.env),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, errors = await process.communicate()
        if process.returncode:
            raise BrokerError(f"planwatch {' '.join(words)} failed: {errors.decode().strip()}")

    async def _start_worker(self, log: Any) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "streams.cli.main", "worker", env=dict(self.env), start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip

    async def _wait_ready(self, worker: asyncio.subprocess.Process) -> None:
        async with aiohttp.ClientSession() as http, asyncio.timeout(_READY_S):
            for url in pages(self.env).values():
                while not await _answers(http, f"{url}/-/ready"):
                    if worker.returncode is not None:
                        raise PlanwatchError(f"the worker ended: {self.log_file.read_text()[-500:].strip()}")
                    await asyncio.sleep(_STEP_S)

    async def _play(self, play_s: float, worker: asyncio.subprocess.Process) -> None:
        day = timeline(self.clock.now_ms() + round(play_s * 1000))
        self.story.begin_ms = day.play
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all", linger_ms=5)
        await producer.start()
        try:
            await self._publish(producer, history(day, self.seed))
            await self._publish(producer, play(day, self.seed, day.begin, day.play))
            await self._pace(producer, day, play_s, worker)
        finally:
            await producer.stop()

    async def _pace(
        self, producer: AIOKafkaProducer, day: Timeline, play_s: float, worker: asyncio.subprocess.Process
    ) -> None:
        """Accelerated until `day.end`, which is now; then as life goes."""
        begun, at = self.clock.now_ms(), day.play
        speed = (day.end - day.play) / (play_s * 1000)
        while worker.returncode is None:
            await asyncio.sleep(_STEP_S)
            now = self.clock.now_ms()
            until = min(round(day.play + (now - begun) * speed), max(now, day.end), now)
            if until > at:
                await self._publish(producer, play(day, self.seed, at, until))
                at = until
        raise PlanwatchError(f"the worker ended: {self.log_file.read_text()[-500:].strip()}")

    async def _publish(self, producer: AIOKafkaProducer, events: Iterable[Sent]) -> None:
        pending = [
            await producer.send(f"{self.names.prefix}.{one.topic}", orjson.dumps(one.event), one.key.encode())
            for one in events
        ]
        await asyncio.gather(*pending)

    async def _watch_inbox(self) -> None:
        consumer = AIOKafkaConsumer(
            self.names.inbox,
            bootstrap_servers=self.bootstrap,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            async for message in consumer:
                record = INBOX_RECORD.validate_json(message.value)
                if isinstance(record, Transition):
                    self.story.see_transition(record)
                elif isinstance(record, Receipt) and record.outcome == "sent":
                    self.story.notices += 1
                else:
                    continue
                self.on_change()
        finally:
            await consumer.stop()

    async def _watch_figures(self) -> None:
        url = pages(self.env)["evaluate"] + "/figures"
        async with aiohttp.ClientSession() as http:
            while True:
                await asyncio.sleep(_WATCH_S)
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(url) as answer:
                        body = await answer.json()
                    self.story.see_figures(body["figures"], body["frontier_ms"])
                    self.on_change()

    async def _read_notices(self, worker: asyncio.subprocess.Process) -> None:
        assert worker.stdout is not None
        async for line in worker.stdout:
            self.story.see_notice_line(line.decode(errors="replace").rstrip())
            self.on_change()

    async def _end(self, worker: asyncio.subprocess.Process, tasks: list["asyncio.Task[None]"]) -> None:
        if worker.returncode is None:
            worker.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(worker.wait(), _STOP_S)
            except TimeoutError:
                worker.kill()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
