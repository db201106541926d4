"""One trial: an installation under load, harmed by a drawn schedule of faults, then held against its logs.

A trial is known by its seed, its number of brokers and of faults; what it did and saw is kept in its folder.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.faults import harm
from tests.faults.installation import Installation, Shape
from tests.faults.load import BEGIN_MS, Load, Plan
from tests.faults.verdict import differences
from tests.servers.waiting import wait_until

#: for everything to be counted, judged, written and told after the last fault
_SETTLE_S = 150.0


class Trial(NamedTuple):
    """What is drawn from `seed`; `live`: event time is about now, so that update rules tell early."""

    seed: int
    faults: int
    brokers: int = 1
    per_s: int = 400
    step_ms: int = 400
    live: bool = False
    shape: Shape = Shape()


@dataclass
class Diary:
    """What happened when (seconds since the start), and the moments at which senders were harmed."""

    began_s: float = field(default_factory=time.monotonic)
    entries: list[dict[str, Any]] = field(default_factory=list)
    harmed_s: list[float] = field(default_factory=list)

    def note(self, what: str, **more: Any) -> None:
        self.entries.append({"at_s": round(time.monotonic() - self.began_s, 1), "what": what, **more})


def run(trial: Trial, folder: Path, say: Callable[[str], object] = lambda _: None) -> list[str]:
    """The differences that a trial ends with; empty: all is exact. `folder` keeps schedule and logs."""
    diary = Diary()
    shape = trial.shape._replace(brokers=trial.brokers)
    with Installation(folder, shape) as installation:
        plan = Plan(trial.seed, trial.per_s, trial.step_ms, _begin(trial))
        load = Load(installation.bootstrap, installation.prefix, shape.partitions, plan)
        load.start()
        try:
            _harm(installation, trial, diary, say)
        finally:
            load.finish()
        say(f"{load.count} records sent; waiting until all is counted and told")
        found = _outcome(installation, load, diary, say)
    diary.note("differences", found=found)
    (folder / "diary.json").write_text(json.dumps(diary.entries, indent=1, ensure_ascii=False))
    return found


def _begin(trial: Trial) -> int:
    return round(time.time()) // 3600 * 3_600_000 if trial.live else BEGIN_MS


def _harm(installation: Installation, trial: Trial, diary: Diary, say: Callable[[str], object]) -> None:
    rng = Random(trial.seed)
    harm.let_pass(3.0)
    for number, fault in enumerate(harm.draw(rng, trial.brokers, trial.faults), 1):
        diary.harmed_s.append(time.monotonic())
        began = time.monotonic()
        detail = fault.harm(installation, Random(rng.random()))
        diary.harmed_s += [began + at for at in range(round(time.monotonic() - began) + 2)]
        diary.note(fault.name, detail=detail)
        say(f"{number}/{trial.faults} {fault.name}: {detail}")
        harm.let_pass(rng.uniform(1.0, 3.0))


def _outcome(installation: Installation, load: Load, diary: Diary, say: Callable[[str], object]) -> list[str]:
    try:
        pages = wait_until(lambda: settled(installation, load), "all is counted and told", seconds=_SETTLE_S)
    except AssertionError as error:
        states = {"/".join(key): _state(stage) for key, stage in installation.stages.items()}
        return [f"{error}", *(f"{key}: {state}" for key, state in states.items()), *_ends(installation)]
    say("settled; comparing with the logs")
    harmed_s = [*diary.harmed_s, *(end.at_s for end in installation.ended)]
    return [*_ends(installation), *differences(installation, load, pages, harmed_s)]


def _state(stage: Any) -> str:
    try:
        return json.dumps(stage.json("/status"))[:1500]
    except OSError as error:
        return f"no answer ({error}); {stage.output()[-500:]}"


def _ends(installation: Installation) -> list[str]:
    """Stages that ended by themselves in another way than with a line and a code that says so."""
    return [
        f"{end.stage} ended with code {end.code}: {end.words[-800:]}"
        for end in installation.ended
        if end.code not in (4, 5) or "Traceback" in end.words
    ]


def settled(installation: Installation, load: Load) -> dict[str, Any] | None:
    """The pages of evaluate and respond, once every record is counted, judged, written and told."""
    logs = {topic: installation.ends(topic) for topic in installation.inputs}
    evaluate, respond = installation.active("evaluate"), installation.active("respond")
    if evaluate is None or respond is None:
        return None
    status, telling = evaluate[1], respond[1]
    ledgers = {(one["topic"], one["partition"]): one["stamp"] for one in status["ledgers"]}
    for topic, ends in logs.items():
        if any(ledgers.get((topic, partition), -1) + 1 != end for partition, end in ends.items()):
            return None
    judged = (status["frontier_ms"] or 0) >= load.last_end_ms and status["committed"] >= 0
    if not judged or status["exporters"]["influx"]["waiting"] or telling["outbox"]:
        return None
    return {"evaluate": status, "incidents": respond[0].json("/incidents")}
