"""Prometheus, scraping what a test names every 200 ms."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.servers.ports import free_port
from tests.servers.process import Server, program
from tests.servers.waiting import http, wait_until


class Prometheus(Server):
    """`with Prometheus() as prometheus: prometheus.scrape(["127.0.0.1:8000"]); prometheus.query("up")`."""

    name = "prometheus"

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = self.folder / "prometheus.yml"
        self._write([], [], [])

    def command(self) -> Sequence[str]:
        listen = ["--web.enable-lifecycle", f"--web.listen-address=127.0.0.1:{self.port}"]
        storage = f"--storage.tsdb.path={self.folder / 'tsdb'}"
        return [program("prometheus"), f"--config.file={self.config}", storage, *listen]

    def ready(self) -> bool:
        http(f"{self.url}/-/ready")
        return True

    def scrape(
        self,
        targets: Iterable[str],
        rules: Iterable[Path] = (),
        alertmanagers: Iterable[str] = (),
        wait: bool = True,
    ) -> None:
        """Scrapes these `host:port` (and no others) from now on; returns when each was scraped."""
        targets = list(targets)
        self._write(targets, [str(path.resolve()) for path in rules], list(alertmanagers))
        http(f"{self.url}/-/reload", b"", "POST")
        if wait:
            wait_until(lambda: self._up() >= set(targets), f"prometheus scrapes {targets}", 20)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query: a list of `{"metric": {…}, "value": [time, "text"]}`."""
        body = json.loads(http(f"{self.url}/api/v1/query?{urlencode({'query': expression})}"))
        return list(body["data"]["result"])

    def value(self, expression: str) -> float | None:
        """The one value of an instant query, None without a series; several are an AssertionError."""
        result = self.query(expression)
        assert len(result) < 2, f"{expression} gives {len(result)} series: {result}"
        return float(result[0]["value"][1]) if result else None

    def _up(self) -> set[str]:
        active = json.loads(http(f"{self.url}/api/v1/targets"))["data"]["activeTargets"]
        return {target["labels"]["instance"] for target in active if target["health"] == "up"}

    def _write(self, targets: Sequence[str], rules: Sequence[str], alertmanagers: Sequence[str]) -> None:
        # JSON is YAML, and needs no library to be quoted right.
        config = {
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
            "rule_files": rules,
            "scrape_configs": [{"job_name": "planwatch", "static_configs": [{"targets": targets}]}],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": alertmanagers}]}]},
        }
        self.config.write_text(json.dumps(config))
