"""A stand-in for chat robots and webhooks that is as strict as the real ones, and fails as it is told.

Checks keys, signatures, size, form and rate; answers with `errcode` like WeCom and DingTalk do.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any, Self

from aiohttp import web

Fault = tuple[int, dict[str, str], str]


class Robots:
    """`async with Robots() as robots: …robots.url…`; `taken` holds what was accepted, in order.

    At most `count` messages in any `per_s` seconds of each robot; DingTalk is mute for `mute_s` beyond it.
    `faults` are used up one per request: (status, headers, body), or `"hang"`.
    """

    key, token, secret, hook_secret = "wecom-key-1", "ding-token-1", "SECding", "hook-secret-1"

    def __init__(self, count: int = 20, per_s: float = 60.0, mute_s: float = 600.0) -> None:
        self.count, self.per_s, self.mute_s = count, per_s, mute_s
        self.faults: list[Fault | str] = []
        self.taken: list[dict[str, Any]] = []
        self.requests: list[float] = []
        self.refused: list[int] = []
        self.hook_headers: list[dict[str, str]] = []
        self._times: dict[str, list[float]] = {}
        self._mute_until = 0.0
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/cgi-bin/webhook/send", self._guarded(self._wecom))
        app.router.add_post("/robot/send", self._guarded(self._dingtalk))
        app.router.add_post("/hook", self._guarded(self._hook))
        self._gone = asyncio.Event()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gone.set()
        await self._runner.cleanup()

    def _guarded(self, answer: Any) -> Any:
        async def handle(request: web.Request) -> web.Response:
            self.requests.append(time.monotonic())
            if self.faults:
                fault = self.faults.pop(0)
                if isinstance(fault, str):
                    await self._gone.wait()
                    return web.Response(status=503)
                return web.Response(status=fault[0], headers=fault[1], text=fault[2])
            response: web.Response = await answer(request)
            return response

        return handle

    def _says(self, errcode: int, errmsg: str) -> web.Response:
        if errcode:
            self.refused.append(errcode)
        return web.json_response({"errcode": errcode, "errmsg": errmsg})

    def _too_fast(self, robot: str) -> bool:
        now, times = time.monotonic(), self._times.setdefault(robot, [])
        times[:] = [one for one in times if now - one < self.per_s]
        times.append(now)
        return len(times) > self.count

    async def _wecom(self, request: web.Request) -> web.Response:
        if request.query.get("key") != self.key:
            return self._says(93000, f"invalid webhook url, key {request.query.get('key')}")
        if self._too_fast("wecom"):
            return self._says(45009, "api freq out of limit")
        body = await request.json()
        content = body.get("markdown", {}).get("content", "")
        if body.get("msgtype") != "markdown" or set(body) != {"msgtype", "markdown"}:
            return self._says(40008, "invalid message type")
        if not content or len(content.encode()) > 4096:
            return self._says(40058, "markdown.content exceed max length 4096")
        self.taken.append(body)
        return self._says(0, "ok")

    async def _dingtalk(self, request: web.Request) -> web.Response:
        query, now = request.query, time.monotonic()
        if query.get("access_token") != self.token:
            return self._says(300001, "token is not exist")
        if abs(int(query.get("timestamp", 0)) - time.time() * 1000) > 3_600_000:
            return self._says(310000, "invalid timestamp")
        said = f"{query['timestamp']}\n{self.secret}".encode()
        wanted = base64.b64encode(hmac.digest(self.secret.encode(), said, "sha256")).decode()
        if query.get("sign") != wanted:
            return self._says(310000, "sign not match")
        if now < self._mute_until or self._too_fast("dingtalk"):
            self._mute_until = max(self._mute_until, now + self.mute_s)
            return self._says(130101, "send too fast, exceed 20 times per minute")
        raw = await request.read()
        body = json.loads(raw)
        markdown = body.get("markdown", {})
        if body.get("msgtype") != "markdown" or not markdown.get("title") or not markdown.get("text"):
            return self._says(40035, "invalid parameter")
        if len(raw) > 20_000 or not isinstance(body.get("at", {}).get("atMobiles"), list):
            return self._says(460101, "message too long")
        self.taken.append(body)
        return self._says(0, "ok")

    async def _hook(self, request: web.Request) -> web.Response:
        raw = await request.read()
        stamp = request.headers.get("X-Planwatch-Timestamp", "")
        wanted = hmac.new(self.hook_secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
        if request.headers.get("X-Planwatch-Signature") != f"sha256={wanted}":
            return web.Response(status=401, text="wrong signature")
        if self._too_fast("hook"):
            return web.Response(status=429, headers={"Retry-After": "1"})
        self.hook_headers.append(dict(request.headers))
        self.taken.append(json.loads(raw))
        return web.Response(status=204)
