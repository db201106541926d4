"""The page of a stage process: /metrics, /-/healthy, /-/ready, /status, and JSON routes that are added.

Decides status codes and content types. Listens on the configured host only, answers GET and HEAD only,
changes nothing, and writes no access log: a path is text from outside. Refuses to know what is shown.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from schemas.errors import PlanwatchError
from streams.telemetry.happenings import PageFailed
from streams.telemetry.health import Health
from streams.telemetry.metrics import expose
from streams.telemetry.registry import Telemetry

Json = Any
Source = Callable[[], Json]

_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class StagePage:
    """The web page of one stage.

    `status` is asked at each /status; it and every added source must return at once with what `json.dumps`
    takes. A source that raises gives 500 with the error's name, a line in the log, and nothing else.
    """

    def __init__(
        self, host: str, port: int, telemetry: Telemetry, *, health: Health, status: Source = dict
    ) -> None:
        self._host = host
        self.wanted = port
        self._telemetry = telemetry
        self._health = health
        self._sources: dict[str, Source] = {"/status": status}
        self._runner: web.AppRunner | None = None
        self.port = port

    @property
    def address(self) -> str:
        """`http://host:port` once it has started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    def add_json(self, path: str, source: Source) -> None:
        """Answer GET `path` with what `source()` returns, as JSON; only before `start`."""
        self._sources[path] = source

    async def start(self) -> None:
        """Listen; port 0 takes a free one, which `port` then says. PlanwatchError if the port is taken."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/-/healthy", self._healthy)
        app.router.add_get("/-/ready", self._ready)
        for path, source in self._sources.items():
            app.router.add_get(path, self._json(path, source))
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self.wanted).start()
        except OSError as error:
            await runner.cleanup()
            raise PlanwatchError(
                f"{self._host}:{self.wanted} cannot be listened on: {error.strerror or error}",
                remedy="free the port, or set PLANWATCH_WEB__*_PORT (0 takes a free one)",
            ) from error
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening; requests under way get a second."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        families = list(self._telemetry.registry.collect())
        accept = ",".join(request.headers.getall("Accept", []))
        content_type, body = await asyncio.to_thread(expose, families, accept)
        response = web.Response(body=body, headers={"Content-Type": content_type, **_HEADERS})
        response.enable_compression()
        return response

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="Planwatch is running.\n", headers=_HEADERS)

    async def _ready(self, _: web.Request) -> web.Response:
        return _answer(self._health.as_json(), 200 if self._health.ready else 503)

    def _json(self, path: str, source: Source) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_: web.Request) -> web.Response:
            try:
                return _answer(source(), 200)
            except Exception as error:
                self._telemetry.tell(PageFailed(path), error)
                return _answer({"error": type(error).__name__}, 500)

        return answer


def _answer(content: Json, status: int) -> web.Response:
    text = json.dumps(content, ensure_ascii=False, default=str)
    body = text.encode("utf-8", "replace") + b"\n"
    return web.Response(body=body, status=status, content_type="application/json", headers=_HEADERS)
