"""The topics that a stage lives on: whether each is still there, and still the one it was.

A topic that is deleted, or deleted and made anew, takes with it what the state builds on; the consumer's own
view does not tell (it reads nothing, or from the beginning). Kafka gives each topic an id for its life. A
broker without ids tells only of what is gone. Refuses to know what a stage does.
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from schemas.errors import BrokerError, LogTruncatedError, TopicsError
from streams.admin import Admin
from streams.settings import KafkaSettings

_SAFE = "look at the broker; it is safe to start again"


class Topics:
    """Watches topics by name; `remedies` says for each what to do when it is not the one it was."""

    def __init__(self, kafka: KafkaSettings, remedies: Mapping[str, str]) -> None:
        self._kafka = kafka
        self._remedies = dict(remedies)
        self._known: dict[str, str] = {}
        self._admin: Admin | None = None
        # of our own: the loop's threads are waited for at the end, and a broker that hangs would hold that up
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="planwatch-topics")

    async def check(self) -> None:
        """TopicsError for a topic that is gone, LogTruncatedError for one that was made anew since the first
        look; nothing while the broker does not answer."""
        ids = await asyncio.get_running_loop().run_in_executor(self._thread, self._ask)
        if ids is not None:
            self.compare(ids)

    async def look(self) -> None:
        """Remember which topics there are; before any of them is read, so that none is made anew unseen."""
        with suppress(BrokerError):
            await self.ids()

    async def ids(self) -> Mapping[str, str]:
        """The id that each topic had when it was first found, "" of a broker that gives none.

        BrokerError when the broker does not answer.
        """
        if self._remedies.keys() - self._known.keys():
            self._known = await self._answer() | self._known
        return self._known

    async def ids_now(self) -> Mapping[str, str]:
        """The ids that they have now, which are those of the first look; raises as `check` and `ids`."""
        ids = await self._answer()
        self.compare(ids)
        return ids

    async def _answer(self) -> dict[str, str]:
        ids = await asyncio.get_running_loop().run_in_executor(self._thread, self._ask)
        if ids is None:
            raise BrokerError("no broker tells which topics there are", remedy=_SAFE)
        return ids

    def compare(self, ids: Mapping[str, str]) -> None:
        """Hold the ids against what was known before."""
        for topic, remedy in self._remedies.items():
            if topic not in ids:
                raise TopicsError(f"topic {topic} was deleted", remedy=f"if that was meant: {remedy}")
            known = self._known.get(topic) or ids[topic]  # an old broker gives no ids
            self._known[topic] = known
            if ids[topic] and ids[topic] != known:
                raise LogTruncatedError(
                    f"topic {topic} was deleted and made anew", remedy=f"if that was meant: {remedy}"
                )

    def _ask(self) -> dict[str, str] | None:
        try:
            if self._admin is None:
                self._admin = Admin(self._kafka).__enter__()
            return self._admin.ids(self._remedies)
        except BrokerError:
            self._close()
            return None

    def _close(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.__exit__()
