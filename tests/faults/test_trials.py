"""Whatever is harmed: pages, ledgers, dead letters, transitions, incidents, notices and points are exact."""

from pathlib import Path

import pytest

from tests.faults.trial import Trial, run

#: twenty faults; each kind that suits the number of brokers comes at least once among them
TRIALS = (
    Trial(seed=11, faults=10, brokers=1),
    Trial(seed=12, faults=10, brokers=3, live=True),
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"seed {trial.seed}, {trial.brokers} brokers")
def test_nothing_differs_from_its_log_after_faults(trial: Trial, tmp_path: Path) -> None:
    assert run(trial, tmp_path / "trial") == [], (
        f"tests/run --python -m tests.faults --seed {trial.seed} --faults {trial.faults} "
        f"--brokers {trial.brokers}{' --live' if trial.live else ''}"
    )
