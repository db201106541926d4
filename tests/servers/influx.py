"""InfluxDB 1.8 with the v2 write API, Flux and authentication switched on.

Its bucket is `database/retention` and its token `user:password`; the organisation is not looked at.
"""

import csv
import json
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlencode

from tests.servers.ports import free_port
from tests.servers.process import Server, cache_folder
from tests.servers.waiting import ServerError, http

_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc_port}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = true
  flux-enabled = true
  log-enabled = false
"""


class Influx(Server):
    """`with Influx() as influx: …influx.url, .token, .org, .bucket…`; the bucket exists and is empty."""

    name = "influxd"
    database, retention, user, password = "planwatch", "live", "planwatch", "secret"
    org = "planwatch"

    def __init__(self) -> None:
        super().__init__()
        self.port, self.rpc_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = f"{self.user}:{self.password}"
        self.bucket = f"{self.database}/{self.retention}"

    def command(self) -> Sequence[str]:
        built = sorted(path for path in cache_folder().glob("influxd-*") if path.suffix != ".new")
        if not built:
            raise ServerError(
                f"influxd is not in {cache_folder()}; `tests/run integration` or "
                "tests/servers/install/influxd.sh builds it"
            )
        config = self.folder / "influxd.conf"
        config.write_text(_CONFIG.format(folder=self.folder, port=self.port, rpc_port=self.rpc_port))
        return [str(built[-1]), "-config", str(config)]

    def ready(self) -> bool:
        http(f"{self.url}/ping")
        return True

    def start(self) -> Self:
        super().start()
        if not (self.folder / "prepared").exists():
            self.influxql(f"CREATE USER {self.user} WITH PASSWORD '{self.password}' WITH ALL PRIVILEGES")
            self._create_bucket()
            (self.folder / "prepared").touch()
        return self

    def clear(self) -> None:
        """Empties the bucket."""
        self.influxql(f"DROP DATABASE {self.database}")
        self._create_bucket()

    def influxql(self, statement: str) -> list[dict[str, object]]:
        """The series that one InfluxQL statement gives; ServerError with InfluxDB's words if it refuses."""
        login = {"u": self.user, "p": self.password}
        body = http(f"{self.url}/query?{urlencode(login)}", urlencode({"q": statement}).encode(), "POST")
        (result,) = json.loads(body)["results"]
        if "error" in result:
            raise ServerError(f"influxd refused {statement!r}: {result['error']}")
        return list(result.get("series", []))

    def flux(self, query: str) -> list[dict[str, str]]:
        """The rows of a Flux query as InfluxDB's CSV names them (`_time`, `_field`, `_value`, the tags)."""
        headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/vnd.flux"}
        body = http(
            f"{self.url}/api/v2/query?org={self.org}",
            query.encode(),
            "POST",
            Accept="application/csv",
            **headers,
        )
        rows: list[dict[str, str]] = []
        for table in body.decode().replace("\r", "").split("\n\n"):
            lines = [line for line in table.splitlines() if line and not line.startswith("#")]
            rows += csv.DictReader(lines)
        return rows

    def write(self, lines: str) -> None:
        """Writes line protocol, with times in nanoseconds, into the bucket."""
        url = f"{self.url}/api/v2/write?{urlencode({'org': self.org, 'bucket': self.bucket})}"
        http(url, lines.encode(), "POST", Authorization=f"Token {self.token}")

    def _create_bucket(self) -> None:
        self.influxql(f"CREATE DATABASE {self.database} WITH DURATION INF NAME {self.retention}")
