"""Toxiproxy: connections that pass through it can be cut, stopped and slowed, as a network does.

Knows proxies by name and what a network can do to them; refuses to know what runs through.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tests.servers.ports import free_port
from tests.servers.process import Server, cache_folder
from tests.servers.waiting import ServerError, http


class Toxiproxy(Server):
    """`with Toxiproxy() as proxy: address = proxy.open("kafka-1", "127.0.0.1:9092")`."""

    name = "toxiproxy"

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._made: dict[str, dict[str, Any]] = {}

    def command(self) -> Sequence[str]:
        built = sorted(path for path in cache_folder().glob("toxiproxy-*") if path.suffix != ".new")
        if not built:
            raise ServerError(
                f"toxiproxy is not in {cache_folder()}; `tests/run faults` or "
                "tests/servers/install/toxiproxy.sh builds it"
            )
        return [str(built[-1]), "-host", "127.0.0.1", "-port", str(self.port)]

    def ready(self) -> bool:
        http(f"{self.url}/version")
        return True

    def open(self, name: str, upstream: str) -> str:
        """A new proxy to `upstream`; gives the address at which it listens."""
        address = f"127.0.0.1:{free_port()}"
        self._made[name] = {"name": name, "listen": address, "upstream": upstream}
        self._ask("POST", "/proxies", self._made[name])
        return address

    def refuse(self, names: Iterable[str], *, refused: bool = True) -> None:
        """Close every connection of these proxies and take no new one; or take them again."""
        for name in names:
            self._ask("POST", f"/proxies/{name}", {"enabled": not refused})

    def swallow(self, names: Iterable[str]) -> None:
        """Let nothing through, in either direction, and keep connections open: a cable that is pulled."""
        self._poison(names, {"type": "timeout", "attributes": {"timeout": 0}})

    def slow(self, names: Iterable[str], delay_ms: int, kb_per_s: int) -> None:
        """Delay everything, and let only so much through, in either direction."""
        names = list(names)
        self._poison(names, {"type": "latency", "attributes": {"latency": delay_ms, "jitter": delay_ms // 2}})
        self._poison(names, {"type": "bandwidth", "attributes": {"rate": kb_per_s}})

    def heal(self, names: Iterable[str]) -> None:
        """Everything goes through these proxies again.

        They are made anew, and connections closed with it: a toxic that holds data back may never let go.
        """
        for name in names:
            self._ask("DELETE", f"/proxies/{name}", {})
            self._ask("POST", "/proxies", self._made[name])

    def _poison(self, names: Iterable[str], toxic: dict[str, Any]) -> None:
        for name in names:
            for stream in ("upstream", "downstream"):
                self._ask("POST", f"/proxies/{name}/toxics", {**toxic, "stream": stream})

    def _ask(self, method: str, path: str, body: dict[str, Any]) -> None:
        http(self.url + path, json.dumps(body).encode(), method)
