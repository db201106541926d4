"""Whatever is harmed: pages, ledgers, dead letters, transitions, incidents, notices and points are exact."""

from pathlib import Path
from random import Random

import pytest

from tests.faults import harm
from tests.faults.trial import Trial, run

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
    assert run(trial, tmp_path / "trial") == [], (
        f"tests/run --python -m tests.faults --seed {trial.seed} --faults {trial.faults} "
        f"--brokers {trial.brokers}{' --live' * trial.live}{' --idle' * trial.idle}"
    )
