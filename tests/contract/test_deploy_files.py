"""What is deployed holds together: compose file, image, provisioning, boards, metrics, settings."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from streams.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
STAGES = {"measure": "6066", "evaluate": "6067", "respond": "6068"}


def _yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def _services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = _yaml(COMPOSE)["services"]
    return services


SERVICES = sorted(_services())


def test_compose_has_every_part_of_an_installation() -> None:
    wanted = {"kafka", "topics", *STAGES, "influxdb", "prometheus", "alertmanager", "grafana"}
    assert set(SERVICES) == wanted


@pytest.mark.parametrize("name", SERVICES)
def test_service_publishes_on_this_machine_only(name: str) -> None:
    for port in _services()[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), port


@pytest.mark.parametrize("name", SERVICES)
def test_service_names_an_exact_image(name: str) -> None:
    image, _, tag = _services()[name]["image"].rpartition(":")
    assert image
    assert tag == "latest" if image == "planwatch" else re.fullmatch(r"v?\d+\.\d+\.\d+", tag)


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "topics"])
def test_service_that_runs_says_whether_it_is_well_and_starts_again(name: str) -> None:
    service = _services()[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_service_depends_on_services_that_exist_and_can_become_what_is_waited_for(name: str) -> None:
    services = _services()
    for other, wait in services[name].get("depends_on", {}).items():
        assert other in services
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in services[other]
        if wait["condition"] == "service_completed_successfully":
            assert services[other]["restart"] == "no"


@pytest.mark.parametrize("name", SERVICES)
def test_secret_of_a_service_comes_from_the_environment_and_is_refused_when_empty(name: str) -> None:
    for key, value in _services()[name].get("environment", {}).items():
        if re.search(r"TOKEN|PASSWORD|SECRET", key):
            assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", str(value)), key


def test_example_of_the_environment_names_every_variable_that_compose_demands() -> None:
    demanded = set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE.read_text(encoding="utf-8")))
    example = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^([A-Z_]+)=(.*)$", example, re.MULTILINE)) == {(name, "") for name in demanded}


@pytest.mark.parametrize("name", SERVICES)
def test_volume_of_a_service_is_declared_or_a_folder_that_exists(name: str) -> None:
    declared = _yaml(COMPOSE)["volumes"]
    for volume in _services()[name].get("volumes", []):
        source = re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", volume).split(":")[0]
        assert source in declared or (DEPLOY / source).is_dir(), volume


@pytest.mark.parametrize("name", ["topics", *STAGES])
def test_stage_runs_without_rights_and_with_settings_that_exist(name: str) -> None:
    service = _services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    known = _setting_names()
    assert {key for key in service["environment"] if key not in known} == set()


def _setting_names() -> set[str]:
    names: set[str] = set()
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        names |= (
            {f"PLANWATCH_{name}__{one}".upper() for one in inner} if inner else {f"PLANWATCH_{name}".upper()}
        )
    return names


def test_stage_is_scraped_and_asked_where_it_listens() -> None:
    services, web = _services(), Settings().web
    scraped = {
        config["labels"]["stage"]: config["targets"]
        for config in _yaml(DEPLOY / "prometheus/prometheus.yml")["scrape_configs"][0]["static_configs"]
    }
    for stage, port in STAGES.items():
        assert str(getattr(web, f"{stage}_port")) == port
        assert services[stage]["command"] == ["worker", stage]
        assert services[stage]["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert services[stage]["healthcheck"]["test"][-1] == port
        assert scraped[stage] == [f"{stage}:{port}"]


def test_prometheus_reaches_alertmanager_and_grafana_its_sources() -> None:
    config = _yaml(DEPLOY / "prometheus/prometheus.yml")
    (target,) = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert target.split(":")[0] in SERVICES
    environment = _services()["grafana"]["environment"]
    provisioning = (DEPLOY / "grafana/provisioning/datasources/planwatch.yaml").read_text(encoding="utf-8")
    lines = [line for line in provisioning.splitlines() if not line.startswith("#")]
    used = set(re.findall(r"\$(\w+)", "\n".join(lines)))
    assert used <= set(environment)
    for name in ("PROMETHEUS_URL", "INFLUX_URL"):
        assert environment[name].removeprefix("http://").split(":")[0] in SERVICES


def test_boards_name_only_data_sources_that_are_provisioned() -> None:
    provisioned = {
        source["uid"]: source["type"]
        for source in _yaml(DEPLOY / "grafana/provisioning/datasources/planwatch.yaml")["datasources"]
    }
    for path in sorted((DEPLOY / "grafana/dashboards").glob("*.json")):
        named = _sources(json.loads(path.read_text(encoding="utf-8")))
        assert named
        assert named <= set(provisioned.items())


def _sources(part: Any) -> set[tuple[str, str]]:
    """Every (uid, type) of a data source anywhere in a board."""
    if isinstance(part, list):
        return {one for item in part for one in _sources(item)}
    if not isinstance(part, dict):
        return set()
    own = {(part["uid"], part["type"])} if set(part) == {"uid", "type"} else set()
    return own.union(*(_sources(item) for item in part.values()))


def test_boards_lie_where_grafana_looks() -> None:
    (provider,) = _yaml(DEPLOY / "grafana/provisioning/dashboards/planwatch.yaml")["providers"]
    mounts = [volume.split(":") for volume in _services()["grafana"]["volumes"]]
    assert ["./grafana/dashboards", provider["options"]["path"], "ro"] in mounts


def test_image_is_built_in_stages_from_exact_bases_and_runs_without_rights() -> None:
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(bases) == 2
    assert all(re.fullmatch(r"[\w/]+:\d+\.\d+[\w.-]*", base) for base in bases)
    user = [line.split()[1] for line in lines if line.startswith("USER ")][-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    installs = [line for line in lines if "pip install" in line and "-r " in line]
    assert installs
    assert all("--require-hashes" in line for line in installs)


def test_image_copies_what_is_there_and_not_ignored() -> None:
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copies = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    sources = {source for copy in copies for source in copy}
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignore[0] == "*"
    assert sources == {line[1:] for line in ignore if line.startswith("!")}
    missing = {source for source in sources if not (ROOT / source).exists()}
    assert missing == set()


def test_image_builds_with_tools_that_are_pinned() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    pattern = re.search(r"/\^\(([\w|-]+)\)==/", text)
    assert pattern
    pinned = (ROOT / "tests/requirements.txt").read_text(encoding="utf-8")
    for tool in pattern[1].split("|"):
        assert re.search(rf"^{tool}==\S+ \\$", pinned, re.MULTILINE), tool
