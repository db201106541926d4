"""Posting over HTTP for channels: the one place of the HTTP client, and what its answers mean.

An error names the channel and the status, never the address, and hides the client's own error, which repeats
it: addresses of robots hold their secret.
"""

from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson
from pydantic import Field

from schemas.errors import ChannelError
from streams.channels.port import Options
from streams.decisions.wording import clean

_RETRY = frozenset({408, 425, 429})
_REPLY_BYTES = 64 << 10


class HttpOptions(Options):
    """What every channel over HTTP can be told."""

    timeout_s: float = Field(default=10.0, gt=0, le=120)
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with a good status; `body` is None when it is not a JSON object."""

    status: int
    body: dict[str, Any] | None


@dataclass(slots=True)
class Http:
    """One channel's connections, opened when first used."""

    channel: str
    options: HttpOptions
    _session: aiohttp.ClientSession | None = field(default=None, repr=False)

    async def post(self, url: str, body: bytes, headers: dict[str, str], now_s: float) -> Reply:
        """Post JSON and give the answer; ChannelError for a status that is not 2xx. Follows no redirect."""
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=self.options.timeout_s)
            self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=True)
        headers = {"Content-Type": "application/json", "User-Agent": "planwatch", **headers}
        try:
            request = self._session.post(
                url, data=body, headers=headers, allow_redirects=False, proxy=self.options.proxy
            )
            async with request as response:
                raw = await response.content.read(_REPLY_BYTES)
                self._check(response.status, response.headers.get("Retry-After", ""), raw, now_s)
                return Reply(response.status, _json(raw))
        except TimeoutError as error:
            raise self._error(f"no answer within {self.options.timeout_s:g} s", retry=True) from error
        except (aiohttp.InvalidURL, ValueError):
            raise self._error("its address is not a URL", retry=False) from None
        except (aiohttp.ClientError, OSError) as error:
            raise self._error(f"cannot be reached ({type(error).__name__})", retry=True) from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _check(self, status: int, retry_after: str, raw: bytes, now_s: float) -> None:
        if 200 <= status < 300:
            return
        said = clean(raw[:200].decode(errors="replace"), 120)
        retry = status in _RETRY or status >= 500
        after_s = wait_of(retry_after, now_s) if retry else None
        raise self._error(f"HTTP {status} {said}".strip(), retry=retry, after_s=after_s)

    def _error(self, what: str, *, retry: bool, after_s: float | None = None) -> ChannelError:
        return ChannelError(f"channel {self.channel}: {what}", retry=retry, after_s=after_s)


def wait_of(retry_after: str, now_s: float) -> float | None:
    """The seconds a Retry-After header asks for (a number, or an HTTP date); None where it asks for nothing.

    >>> wait_of("7", 0.0), wait_of("Thu, 01 Jan 1970 00:01:00 GMT", 50.0), wait_of("soon", 0.0)
    (7.0, 10.0, None)
    """
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - now_s, 0.0)
    except (TypeError, ValueError):
        return None


def _json(raw: bytes) -> dict[str, Any] | None:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None
