"""A stand-in for InfluxDB's write API that is stricter than the real one, and fails as it is told.

Refuses what is not gzip, not milliseconds, not authorised, not line protocol; keeps what it takes.
"""

import asyncio
import re
from typing import Self

from aiohttp import web

_FIELD = r'[a-z]+=(?:-?\d[\d.e+-]*|"[^"]*")'
_TAG = r"[a-z_]+=(?:[^\s,=\\]|\\.)+"
LINE = re.compile(rf"[a-z]+(?:,{_TAG})+ {_FIELD}(?:,{_FIELD})* -?\d+")


class StrictInflux:
    """`async with StrictInflux() as server: …server.url`; `faults` are used up one per request.

    A fault is (status, headers), `"hang"` (no answer while it runs) or `"cut"` (closes the connection).
    """

    token = "strict:secret"
    bucket = "planwatch/live"

    def __init__(self, largest: int = 10_000_000) -> None:
        self.largest = largest
        self.faults: list[tuple[int, dict[str, str]] | str] = []
        self.lines: list[str] = []
        self.requests: list[int] = []
        self.poison = ""
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=100_000_000)
        app.router.add_post("/api/v2/write", self._write)
        self._gone = asyncio.Event()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gone.set()
        await self._runner.cleanup()

    async def _write(self, request: web.Request) -> web.Response:
        # aiohttp unpacks a gzip body by its header; reading it unpacked proves that it was one
        body = await request.read()
        reply = await self._fault(request) or self._refusal(request, body)
        status = reply.status if reply is not None else 204
        self.requests.append(status)
        if reply is not None:
            return reply
        self.lines += body.decode().split("\n")
        return web.Response(status=204)

    async def _fault(self, request: web.Request) -> web.Response | None:
        if not self.faults:
            return None
        fault = self.faults.pop(0)
        if isinstance(fault, tuple):
            return web.json_response({"code": "x", "message": "as told"}, status=fault[0], headers=fault[1])
        if fault == "hang":
            await self._gone.wait()
        if request.transport is not None:
            request.transport.close()
        return web.Response(status=500)

    def _refusal(self, request: web.Request, body: bytes) -> web.Response | None:
        headers, query = request.headers, request.query
        if headers.get("Authorization") != f"Token {self.token}":
            return _refuse(401, "unauthorized access")
        if query.get("bucket") != self.bucket:
            return _refuse(404, f"bucket {query.get('bucket')!r} not found")
        if query.get("precision") != "ms" or headers.get("Content-Encoding") != "gzip":
            return _refuse(415, "milliseconds and gzip only")
        if len(body) > self.largest:
            return _refuse(413, "request entity too large")
        for line in body.decode().split("\n"):
            if not LINE.fullmatch(line) or (self.poison and self.poison in line):
                return _refuse(400, f"unable to parse '{line}': bad")
        return None


def _refuse(status: int, message: str) -> web.Response:
    return web.json_response({"code": "invalid", "message": message}, status=status)
