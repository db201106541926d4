"""`planwatch doctor` shows what is in force, and no password that stands in an address."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_doctor_shows_no_password_of_an_address(tmp_path: Path, form: list[str]) -> None:
    secret = "pw-7c1f"
    ours = {
        "PLANWATCH_INFLUX__URL": f"http://user:{secret}@127.0.0.1:1",
        "PLANWATCH_INFLUX__TOKEN": f"user:{secret}",
        "PLANWATCH_KAFKA__BOOTSTRAP": "127.0.0.1:1",
        "PLANWATCH_DATA_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli.main", "doctor", *form],
        env={**os.environ, **ours},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PLANWATCH_INFLUX__URL" in done.stdout
    assert secret not in done.stdout + done.stderr
