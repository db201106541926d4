"""The one place that speaks to InfluxDB: a packed batch goes out, a reply comes back, nothing is raised.

Decides nothing about the reply. Uses influxdb-client's asynchronous client; its batching `WriteApi` has no
bound and is not used. The client is imported when it is opened: it costs half a second.
"""

import asyncio
import gzip
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, Protocol

from streams.settings import InfluxSettings

REQUEST_SECONDS = 10.0
#: fast, and line protocol shrinks to a tenth all the same
PACK_LEVEL = 3
NO_REPLY = 0


class Reply(NamedTuple):
    """What came back: the HTTP status (0: no answer), its text, and the wait that was asked for."""

    status: int
    text: str
    after_s: float | None = None


class Transport(Protocol):
    """The port: `write` never raises for what the server or the network does."""

    async def open(self) -> None: ...

    async def write(self, lines: list[str]) -> Reply: ...

    async def close(self) -> None: ...


class InfluxTransport:
    """Writes to `/api/v2/write`, which InfluxDB 1.8 and 2.x have alike.

    Redirects are not followed: they would carry the token elsewhere.
    """

    def __init__(self, settings: InfluxSettings, timeout_s: float = REQUEST_SECONDS) -> None:
        self._settings = settings
        self._timeout_s = timeout_s
        self._client: Any = None
        self._service: Any = None

    async def open(self) -> None:
        """Make the client; opens no connection."""
        from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
        from influxdb_client.service.write_service import WriteService

        self._client = InfluxDBClientAsync(
            url=self._settings.url,
            token=self._settings.token.get_secret_value(),
            org=self._settings.org,
            timeout=int(self._timeout_s * 1000),
            allow_redirects=False,
        )
        service: Any = WriteService
        self._service = service(self._client.api_client)

    async def write(self, lines: list[str]) -> Reply:
        """Send the lines, gzipped, times in milliseconds; packing runs beside the loop."""
        from aiohttp import ClientError
        from influxdb_client.client.exceptions import InfluxDBError

        body = await asyncio.to_thread(_pack, lines)
        try:
            answer = await self._service.post_write_async(
                org=self._settings.org,
                bucket=self._settings.bucket,
                body=body,
                precision="ms",
                content_encoding="gzip",
                content_type="text/plain; charset=utf-8",
                _return_http_data_only=False,
            )
        except InfluxDBError as error:
            return Reply(_status(error), str(error.message), retry_after_s(error.retry_after))
        except (ClientError, TimeoutError, OSError) as error:
            return Reply(NO_REPLY, f"{type(error).__name__}: {error}".rstrip(": "))
        return Reply(int(answer[1]), "")

    async def close(self) -> None:
        """Close the connections; a second time does nothing."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()


def retry_after_s(value: str | None) -> float | None:
    """The seconds that a Retry-After header asks for; None if there is none or it cannot be read.

    A date is not turned into a wait: the machines' clocks may differ. It counts as one minute.

    >>> retry_after_s("7"), retry_after_s(None), retry_after_s("Fri, 31 Dec 1999 23:59:59 GMT")
    (7.0, None, 60.0)
    """
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        parsedate_to_datetime(value)
    except ValueError:
        return None
    return 60.0


def _status(error: Any) -> int:
    return int(getattr(error, "status", None) or NO_REPLY)


def _pack(lines: list[str]) -> bytes:
    return gzip.compress("\n".join(lines).encode(), PACK_LEVEL, mtime=0)
