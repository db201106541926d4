"""Waiting for a condition instead of sleeping for luck, and asking a server over HTTP."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

START_SECONDS = 60.0
PAUSE_SECONDS = 0.02


class ServerError(AssertionError):
    """A server is missing, did not become ready, or died. Fails the test that asked; never skips it."""


def wait_until(
    condition: Callable[[], T], what: str, seconds: float = START_SECONDS, *, pause_s: float = PAUSE_SECONDS
) -> T:
    """The first true value of `condition`, asked again until then; ServerError names `what` when time is up.

    `pause_s` lies between two questions: more where an answer costs those who are waited for their time.

    An OSError (no connection, an HTTP status of 400 or more) means "not yet"; the last one is the cause.
    """
    end = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < end:
        try:
            if value := condition():
                return value
            last = None
        except OSError as error:
            last = error
        time.sleep(pause_s)
    raise ServerError(f"{what}: not so after {seconds:g} s ({last or 'no error was seen'})") from last


def http(url: str, data: bytes | None = None, method: str | None = None, **headers: str) -> bytes:
    """The body of one request; ConnectionError with the server's words on a status of 400 or more."""
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        with error:
            words = error.read(500).decode(errors="replace")
        raise ConnectionError(f"{url} answered {error.code}: {words}") from None
