"""The suite sees what it is there to see: every deliberate breakage makes it fail, the aids alone do not."""

import signal
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults import breakages
from tests.faults.harm import Fault, let_pass
from tests.faults.installation import HOSTS, SESSION_S, Installation, Shape
from tests.faults.moments import STEPS, Moment
from tests.faults.trial import Diary, Trial, observe
from tests.servers.kafka import KafkaCluster
from tests.servers.waiting import ServerError, wait_until

#: a broken installation that has not settled by then never will
_PATIENCE_S = 25.0
_AT_A_TIME = 2
#: seconds for the first start, and after which one that was killed and does not work again never will
_BEGIN_S, _BACK_S = 30.0, 8.0
#: prefixes of installations that have worked
_begun: set[str] = set()
#: of a single worker, which nobody replaces while its session lasts
_QUICK = (("KAFKA__SESSION_TIMEOUT_S", 1.5), ("KAFKA__HEARTBEAT_S", 0.3))


def _kill(stage: str, step: str = "") -> Fault:
    """Killed while it works, before a `step` of a flush if one is named, and started again."""

    def harm(installation: Installation, _: object) -> str:
        for host in installation.shape.hosts:
            if installation.prefix not in _begun:
                _wait_for(installation, stage, _BEGIN_S)
            _begun.add(installation.prefix)
            installation.take_down(host, stage, kill=True, when=partial(_strike, installation, host, step))
            installation.launch(host, stage)
            _wait_for(installation, stage, _BACK_S)
        return stage

    return Fault("kill", harm, "stage")


def _strike(installation: Installation, host: str, step: str, by: signal.Signals = signal.SIGKILL) -> None:
    """Let it be struck; only what is broken may never come there."""
    is_broken = set(installation.shape.breakage.split(",")) & set(breakages.BREAKAGES)
    with suppress(ServerError) if is_broken else nullcontext():
        if step:
            Moment(step, by).strike(installation.moment(host), _BEGIN_S)


def _wait_for(installation: Installation, stage: str, seconds: float) -> None:
    with suppress(ServerError):
        wait_until(lambda: _works(installation, stage), f"{stage} works", seconds, pause_s=0.2)
    let_pass(1.5)


def _works(installation: Installation, stage: str) -> bool:
    found = installation.active(stage)
    if found is None:
        return False
    if stage == "respond":
        return bool(found[0].json("/incidents")["incidents"])
    return stage != "measure" or bool(found[1]["partitions"])


def _zombie_then_kill(installation: Installation, _: object) -> str:
    """The owner falls asleep over a flush while another takes over; that one stands still while the first
    wakes and writes what it had in hand, and dies before it could write anything newer.
    """
    first, second = (installation.stages[host, "measure"] for host in HOSTS)
    _strike(installation, HOSTS[0], "_write_rows", signal.SIGSTOP)
    first.pause()
    let_pass(SESSION_S + 5.0)
    second.pause()
    first.resume()
    let_pass(1.5)
    installation.take_down(HOSTS[1], "measure", kill=True)
    installation.launch(HOSTS[1], "measure")
    let_pass(2.0)
    return "measure"


def _points_come_late(installation: Installation, _: object) -> str:
    """Who judges dies while InfluxDB is away, with points on his disk; when he comes back with them, his
    successor has corrected days again.
    """
    installation.ail("influx", "500")
    let_pass(5.0)
    owner = wait_until(lambda: installation.active("evaluate"), "somebody judges")[0]
    host = next(host for host in HOSTS if installation.stages[host, "evaluate"] is owner)
    installation.take_down(host, "evaluate", kill=True)
    wait_until(lambda: installation.active("evaluate"), "somebody else judges")
    let_pass(4.0)
    installation.ail("influx", "ok")
    wait_until(lambda: not installation.points_waiting(), "the successor's points are written")
    installation.launch(host, "evaluate")
    installation.stages[host, "evaluate"].wait_ready()
    wait_until(lambda: not installation.points_waiting(), "the former owner's points are written")
    return "evaluate"


class Case(NamedTuple):
    """A breakage with the aids, faults and stages that let it show."""

    name: str
    aids: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = (_kill("measure"),) * 3
    stages: tuple[str, ...] = ("measure",)
    hosts: tuple[str, ...] = HOSTS[:1]

    @property
    def title(self) -> str:
        """What it is called in the report."""
        return self.name or " and ".join(self.aids) or self.faults[0].name


_ZOMBIES = (Fault("zombie, then kill", _zombie_then_kill, "stage"),) * 2
_LATE_POINTS = (Fault("points come late", _points_come_late, "stage"),) * 2
CASES = (
    Case("acknowledged_before_the_changelog", ("slow_writes",), (_kill("measure", "_write_rows"),) * 3),
    Case("acknowledged_out_of_order", ("slow_writes",), (_kill("measure", "_write_rows"),) * 3),
    Case("stamp_ignored", ("nothing_acknowledged",)),
    Case("no_ownership_id", ("slow_writes",), _ZOMBIES, hosts=HOSTS),
    Case("last_record_instead_of_highest_stamp", ("slow_writes",), _ZOMBIES, hosts=HOSTS),
    Case("agent_error_acknowledged", faults=()),
    Case("duplicate_without_the_offset", ("slow_writes",), (_kill("measure", "_write_ledger"),) * 3),
    Case("dedupe_index_not_restored"),
    Case("ledger_not_restored"),
    Case("sent_after_the_acknowledgement", ("slow_writes",), (_kill("measure", "_write_pages"),) * 3),
    Case("late_by_the_watermark_of_others", faults=()),
    Case("silence_taken_for_idle", stages=("measure", "evaluate")),
    Case("covered_points_left", (), _LATE_POINTS, ("measure", "evaluate"), HOSTS),
    Case("incidents_only_in_memory", (), (_kill("respond"),) * 3, ("measure", "evaluate", "respond")),
    Case("page_written_as_a_delta", faults=()),
)
CONTROLS = (
    Case("", ("slow_writes", "nothing_acknowledged"), _ZOMBIES, hosts=HOSTS),
    Case("", (), _LATE_POINTS, ("measure", "evaluate"), HOSTS),
    Case("", ("slow_writes",), tuple(_kill("measure", step) for step in STEPS)),
)


def _differences(case: Case, kafka: KafkaCluster, folder: Path) -> Sequence[str]:
    """What a trial of it differs in; a breakage whose moments every kill has missed is tried once more."""
    found = _tried(case, kafka, folder / "first")
    return found if found or not case.name else _tried(case, kafka, folder / "second")


def _tried(case: Case, kafka: KafkaCluster, folder: Path) -> Sequence[str]:
    told = ",".join(filter(None, (*case.aids, case.name)))
    settings = () if len(case.hosts) > 1 else _QUICK
    shape = Shape(breakage=told, stages=case.stages, hosts=case.hosts, settings=settings)
    prefix = f"b{uuid.uuid4().hex[:8]}"
    with Installation(folder, shape, prefix, kafka) as installation:
        return observe(installation, Trial(5, len(case.faults)), Diary(), case.faults, _PATIENCE_S)


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, kafka: KafkaCluster, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[dict[str, Future[Sequence[str]]]]":
    """The differences that each chosen case ends with; two run at a time, since most of it is waiting."""
    folder = tmp_path_factory.mktemp("breakages")
    names = " ".join(item.name for item in request.session.items)
    chosen = [case for case in (*CASES, *CONTROLS) if f"[{case.title}]" in names]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        yield {case.title: pool.submit(_differences, case, kafka, folder / case.title) for case in chosen}


def test_every_breakage_has_its_case() -> None:
    assert sorted(case.name for case in CASES) == sorted(breakages.BREAKAGES)


@pytest.mark.timeout(1500)  # of all cases together: each waits for its turn
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_suite_sees_the_breakage(case: Case, outcomes: "dict[str, Future[Sequence[str]]]") -> None:
    assert outcomes[case.title].result()


@pytest.mark.timeout(1500)  # of all cases together: each waits for its turn
@pytest.mark.parametrize("case", CONTROLS, ids=lambda case: case.title)
def test_aids_alone_change_nothing(case: Case, outcomes: "dict[str, Future[Sequence[str]]]") -> None:
    assert outcomes[case.title].result() == []
