"""The alerts about Planwatch itself, as promtool and amtool read them."""

import subprocess
from pathlib import Path

from tests.servers.process import program

DEPLOY = Path(__file__).parents[2] / "deploy"


def _run(*words: str) -> tuple[int, str]:
    done = subprocess.run(
        [program(words[0]), *words[1:]], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_alert_rules_fire_and_stay_quiet_as_their_tests_say() -> None:
    code, said = _run("promtool", "test", "rules", str(DEPLOY / "prometheus/tests/planwatch.yml"))
    assert code == 0, said


def test_prometheus_takes_its_configuration_and_rules() -> None:
    code, said = _run("promtool", "check", "config", str(DEPLOY / "prometheus/prometheus.yml"))
    assert code == 0, said
    assert "rules found" in said


def test_alertmanager_takes_its_configuration() -> None:
    code, said = _run("amtool", "check-config", str(DEPLOY / "alertmanager/alertmanager.yml"))
    assert code == 0, said
