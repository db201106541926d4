"""The compose file as Docker Compose's own loader understands it: merged, with variables filled in."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.servers.process import cache_folder

DEPLOY = Path(__file__).parents[2] / "deploy"
SECRETS = {"INFLUX_TOKEN": "t0ken", "INFLUX_PASSWORD": "passw0rd", "GRAFANA_PASSWORD": "passw0rd"}


def _load(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    built = sorted(path for path in cache_folder().glob("compose-check-*") if path.suffix != ".new")
    assert built, "compose-check is missing; tests/servers/install/compose-check.sh builds it"
    clean = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return subprocess.run(
        [str(built[-1]), str(DEPLOY / "compose.yaml")],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _services() -> dict[str, Any]:
    done = _load(SECRETS)
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


def test_compose_loads_and_merges_what_the_stages_share() -> None:
    services = _services()
    for stage in ("measure", "evaluate", "respond"):
        assert services[stage]["environment"]["PLANWATCH_KAFKA__BOOTSTRAP"] == "kafka:19092"
        assert services[stage]["read_only"] is True
        assert services[stage]["depends_on"]["topics"]["condition"] == "service_completed_successfully"
        assert services[stage]["build"]["dockerfile"] == "deploy/Dockerfile"
    assert services["evaluate"]["environment"]["PLANWATCH_INFLUX__TOKEN"] == "t0ken"
    assert "PLANWATCH_INFLUX__TOKEN" not in services["measure"]["environment"]
    assert services["topics"]["restart"] == "no"


def test_compose_mounts_the_default_catalogue_unless_another_is_named() -> None:
    (mount,) = _services()["measure"]["volumes"]
    assert (Path(mount["source"]), mount["target"], mount["read_only"]) == (
        DEPLOY / "catalogue",
        "/catalogue",
        True,
    )


def test_compose_refuses_to_start_without_its_secrets() -> None:
    done = _load(dict.fromkeys(SECRETS, ""))
    assert done.returncode == 1
    assert "write it into deploy/.env" in done.stderr
