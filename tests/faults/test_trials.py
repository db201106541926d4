"""Whatever is harmed: pages, ledgers, dead letters, transitions, incidents, notices and points are exact."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.faults import harm
from tests.faults.trial import Trial
from tests.servers.planwatch import REPOSITORY

#: twenty faults of every kind, on one broker and on three, in a backfill, about now, and with an idle source
TRIALS = (
    Trial(seed=22, faults=8, brokers=1),
    Trial(seed=100, faults=8, brokers=3, live=True),
    Trial(seed=21, faults=4, brokers=1, idle=True),
)


def test_trials_hold_every_kind_of_fault() -> None:
    drawn = {
        fault.name for trial in TRIALS for fault in harm.draw(Random(trial.seed), trial.brokers, trial.faults)
    }
    assert drawn == {fault.name for fault in harm.FAULTS}
    assert sum(trial.faults for trial in TRIALS) == 20


@pytest.mark.timeout(600)
@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"seed {trial.seed}")
def test_nothing_differs_from_its_log_after_faults(trial: Trial, tmp_path: Path) -> None:
    """In a process of its own: by the very command that repeats it."""
    words = ["--seed", trial.seed, "--faults", trial.faults, "--brokers", trial.brokers]
    words += ["--live"] * trial.live + ["--idle"] * trial.idle
    command = [sys.executable, "-m", "tests.faults", *map(str, words)]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path / "trial")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command[1:])}\n{done.stdout}{done.stderr[-3000:]}"
