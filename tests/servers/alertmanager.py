"""Alertmanager, alone, sending what it is given to a webhook of the test (or nowhere)."""

import json
from collections.abc import Sequence

from tests.servers.ports import free_port
from tests.servers.process import Server, program
from tests.servers.waiting import http


class Alertmanager(Server):
    """`with Alertmanager() as alertmanager: …alertmanager.url…; alertmanager.alerts()`."""

    name = "alertmanager"

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        self.config = self.folder / "alertmanager.yml"
        self._write(None)

    def command(self) -> Sequence[str]:
        alone = "--cluster.listen-address="
        files = [f"--config.file={self.config}", f"--storage.path={self.folder / 'data'}"]
        return [program("prometheus-alertmanager"), *files, f"--web.listen-address={self.address}", alone]

    def ready(self) -> bool:
        http(f"{self.url}/-/ready")
        return True

    def send_to(self, webhook: str | None) -> None:
        """Sends every group to this address at once, from now on."""
        self._write(webhook)
        http(f"{self.url}/-/reload", b"", "POST")

    def alerts(self) -> list[dict[str, object]]:
        """The alerts it holds, as its API v2 names them (`labels`, `annotations`, `status`…)."""
        return list(json.loads(http(f"{self.url}/api/v2/alerts")))

    def _write(self, webhook: str | None) -> None:
        hooks = [{"url": webhook, "send_resolved": True}] if webhook else []
        route = {"receiver": "test", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
        # JSON is YAML, and needs no library to be quoted right.
        self.config.write_text(
            json.dumps({"route": route, "receivers": [{"name": "test", "webhook_configs": hooks}]})
        )
