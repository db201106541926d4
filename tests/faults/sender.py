"""Sending what must arrive whatever happens to the brokers: what fails is sent again by a new producer.

A record may arrive twice so, and later than others: the log is what counts, not what was meant to be sent.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

#: for everything to be confirmed
_SETTLE_S = 120.0
#: sent and not yet confirmed, at most
_IN_FLIGHT = 20_000

Outgoing = dict[str, Any]
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers go away here all the time


class Sender:
    """One producer after the other, until everything is confirmed."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None
        self._waiting: list[tuple[Outgoing, asyncio.Future[Any]]] = []
        self._error: BaseException | None = None

    async def send(self, records: Iterable[Outgoing]) -> None:
        """Hand over some records; waits while too many are not yet confirmed."""
        for record in records:
            await self._hand(record)
        if len(self._waiting) > _IN_FLIGHT:
            await self.settle()

    async def _hand(self, record: Outgoing) -> None:
        """To a producer that takes it: one that has no room for too long is let go with all that it holds."""
        async with asyncio.timeout(_SETTLE_S):
            while True:
                try:
                    producer = self._producer or await self._begin()
                    self._waiting.append((record, await producer.send(**record)))
                    return
                except KafkaError as error:
                    self._error = error
                    await self.close()
                    for _, sent in self._waiting:
                        sent.cancel()

    async def _begin(self) -> AIOKafkaProducer:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            request_timeout_ms=30_000,
        )
        await self._producer.start()
        return self._producer

    async def settle(self) -> None:
        """Return when everything is confirmed; TimeoutError when that takes too long."""
        try:
            async with asyncio.timeout(_SETTLE_S):
                while failed := await self._failed():
                    await self.close()
                    for record in failed:
                        await self._hand(record)
        except TimeoutError as error:
            raise TimeoutError(f"{len(self._waiting)} records are not confirmed") from (self._error or error)

    async def _failed(self) -> list[Outgoing]:
        waiting, self._waiting = self._waiting, []
        outcomes = await asyncio.gather(*(future for _, future in waiting), return_exceptions=True)
        errors = [one for one in outcomes if isinstance(one, BaseException)]
        self._error = errors[0] if errors else self._error
        return [
            record
            for (record, _), outcome in zip(waiting, outcomes, strict=True)
            if isinstance(outcome, BaseException)
        ]

    async def close(self) -> None:
        """Let the producer go, whatever it says."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(producer.stop(), 10)
