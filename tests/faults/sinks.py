"""InfluxDB, webhook and mail server of the suite: strict, and as well or ill as they are told to be.

They live in a thread of their own and keep what the comparison needs: of points the last write of each, of
notices when each arrived.
"""

import asyncio
import hashlib
import hmac
import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Self

from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from tests.servers.influx_strict import LINE
from tests.servers.ports import free_port

TOKEN, BUCKET, SECRET = "faults:secret", "faults/live", "hook-secret"
#: how slow a slow sink is, and how many lines a sink takes that finds requests too large
SLOW_S, MOST_LINES = 2.0, 40
INFLUX_MODES = ("down", "slow", "hang", "400", "401", "413", "429", "500")
#: of these 400, 401 and 413 are final: the notice is given up, and its incident says so
HOOK_MODES = ("down", "slow", "hang", "400", "401", "413", "429", "500")
MAIL_MODES = ("down", "slow", "451", "550")
FINAL = {"hook": {"400", "401", "413"}, "mail": {"550"}}
_ID = re.compile(rb"^Message-ID: <([^@]+)@", re.MULTILINE | re.IGNORECASE)


class Sinks:
    """`with Sinks() as sinks: …sinks.influx_url, .hook_url, .mail_port…`; `sinks.mode["influx"] = "500"`.

    `points`: (measurement and tags, time) → fields, the last write of each last. `notices`: channel → id →
    moments of arrival (monotonic).
    """

    def __init__(self) -> None:
        self.mode: dict[str, str] = {"influx": "ok", "hook": "ok", "mail": "ok"}
        self.points: dict[tuple[str, int], str] = {}
        self.lines = 0
        self.refused: list[str] = []
        self.notices: dict[str, dict[str, list[float]]] = {n: defaultdict(list) for n in ("hook", "mail")}
        self.mail_port, self._web_port = free_port(), free_port()
        self.influx_url = self.hook_url = f"http://127.0.0.1:{self._web_port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sinks", daemon=True)
        self._mail = Controller(_Mail(self), hostname="127.0.0.1", port=self.mail_port)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(30)
        self._mail.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._mail.stop()
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def arrivals(self) -> dict[str, list[float]]:
        """When each notice arrived until now, whatever its channel."""
        return {name: list(times) for ids in self.notices.values() for name, times in list(ids.items())}

    def written(self) -> list[str]:
        """Line protocol of everything that was taken until now."""
        return [f"{series} {fields} {at}" for (series, at), fields in list(self.points.items())]

    async def _open(self) -> None:
        app = web.Application(client_max_size=100_000_000)
        app.router.add_post("/api/v2/write", self._write)
        app.router.add_post("/hook", self._hook)
        self._gone = asyncio.Event()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._web_port).start()

    async def _close(self) -> None:
        self._gone.set()
        await self._runner.cleanup()

    async def _write(self, request: web.Request) -> web.Response:
        lines = (await request.read()).decode().split("\n")
        return await self._as_told("influx", len(lines), request, lambda: self._take_points(request, lines))

    async def _hook(self, request: web.Request) -> web.Response:
        body = await request.read()
        return await self._as_told("hook", 1_000_000, request, lambda: self._take_notice(request, body))

    async def _as_told(
        self, sink: str, size: int, request: web.Request, take: Callable[[], Awaitable[web.Response]]
    ) -> web.Response:
        """The answer of a sink in its mode; `size` says what a 400 or 413 may be about."""
        mode = self.mode[sink]
        if mode == "down":
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        if mode == "hang":
            await self._until_well(sink)
            return web.Response(status=503)
        if mode == "slow":
            await asyncio.sleep(SLOW_S)
        elif mode == "400" and size > 1:
            return web.json_response({"code": "invalid", "message": "as told"}, status=400)
        elif mode == "413" and size > MOST_LINES:
            return web.Response(status=413)
        elif mode in ("401", "429", "500"):
            return web.Response(status=int(mode), headers={"Retry-After": "1"} if mode == "429" else {})
        return await take()

    async def _until_well(self, sink: str) -> None:
        """Nothing is answered while the mode lasts."""
        while self.mode[sink] == "hang" and not self._gone.is_set():
            await asyncio.sleep(0.05)

    async def _take_points(self, request: web.Request, lines: list[str]) -> web.Response:
        wrong = [line for line in lines if not LINE.fullmatch(line)]
        told = (request.headers.get("Authorization"), request.query.get("bucket"), request.query["precision"])
        if wrong or told != (f"Token {TOKEN}", BUCKET, "ms"):
            self.refused.append(f"{told}: {wrong[:1]}")
            return web.json_response({"code": "invalid", "message": f"unable to parse {wrong}"}, status=400)
        for line in lines:
            series, fields, at = _split(line)
            before = self.points.get((series, int(at)), fields)
            # InfluxDB keeps a field that a later write of the point does not name
            self.points[series, int(at)] = fields if before == fields else f"{before},{fields}"
        self.lines += len(lines)
        return web.Response(status=204)

    async def _take_notice(self, request: web.Request, body: bytes) -> web.Response:
        stamp = request.headers.get("X-Planwatch-Timestamp", "")
        wanted = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if request.headers.get("X-Planwatch-Signature") != f"sha256={wanted}":
            self.refused.append("a notice with a wrong signature")
            return web.Response(status=401)
        self.notices["hook"][json.loads(body)["id"]].append(time.monotonic())
        return web.Response(status=204)


class _Mail:
    """The mail server's part: one message, taken or not."""

    def __init__(self, sinks: Sinks) -> None:
        self._sinks = sinks

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:
        mode = self._sinks.mode["mail"]
        if mode == "down":
            return "421 closing"
        if mode == "slow":
            await asyncio.sleep(SLOW_S)
        if mode in ("451", "550"):
            return f"{mode} as told"
        content = envelope.content
        found = _ID.search(content if isinstance(content, bytes) else b"")
        if found is None:
            self._sinks.refused.append("a mail without Message-ID")
            return "550 no Message-ID"
        self._sinks.notices["mail"][found[1].decode()].append(time.monotonic())
        return "250 taken"


def _split(line: str) -> tuple[str, str, str]:
    """Series, fields and time of a line; the first blank that is not escaped ends the series."""
    series = re.match(r"(?:[^\\ ]|\\.)+", line)
    assert series is not None
    fields, _, at = line[series.end() + 1 :].rpartition(" ")
    return series[0], fields, at
