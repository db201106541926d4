"""One trial: an installation under load, harmed by a drawn schedule of faults, then held against its logs.

A trial is known by its seed, its number of brokers and of faults; what it did and saw is kept in its folder.
"""

import json
import pickle
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.faults import harm
from tests.faults.installation import Installation, Shape
from tests.faults.load import BEGIN_MS, Load, Plan
from tests.faults.oracle.log import read
from tests.faults.people import People
from tests.faults.size import size_of
from tests.faults.verdict import Seen, differences
from tests.servers.waiting import wait_until

Say = Callable[[str], object]
#: source partition → the offset that its next record will have
Ends = dict[tuple[str, int], int]
#: for everything to be counted, judged, written and told after the last fault; and after a long trial
_SETTLE_S, _LONG_SETTLE_S = 150.0, 900.0
#: between two faults whose distance is told in records
_PAUSE_S = 0.5


class Trial(NamedTuple):
    """What is drawn from `seed`; `live`: event time is about now, so that update rules tell early.

    `idle`: a source falls silent again and again, and is idle after three seconds. `every`: at least so many
    records are sent from one fault to the next.
    """

    seed: int
    faults: int
    brokers: int = 1
    per_s: int = 400
    step_ms: int = 200
    live: bool = False
    idle: bool = False
    every: int = 0
    shape: Shape = Shape()


@dataclass
class Diary:
    """What happened when (seconds since the start), and the moments at which senders were harmed."""

    say: Say = lambda _: None
    began_s: float = field(default_factory=time.monotonic)
    entries: list[dict[str, Any]] = field(default_factory=list)
    harmed_s: list[float] = field(default_factory=list)
    path: Path | None = None

    def note(self, what: str, **more: Any) -> None:
        self.entries.append({"at_s": round(time.monotonic() - self.began_s, 1), "what": what, **more})
        if self.path is not None:  # written each time: a trial that is broken off has its diary too
            self.path.write_text(json.dumps(self.entries, indent=1, ensure_ascii=False))


def run(trial: Trial, folder: Path, say: Say = lambda _: None) -> list[str]:
    """The differences that a trial ends with; empty: all is exact. `folder` keeps schedule and logs."""
    folder.mkdir(parents=True, exist_ok=True)
    diary = Diary(say, path=folder / "diary.json")
    idle_after = "3s" if trial.idle else "30s"
    haste = trial.per_s * trial.step_ms / 1000
    shape = trial.shape._replace(brokers=trial.brokers, idle_after=idle_after, haste=haste)
    with Installation(folder, shape) as installation:
        faults = harm.draw(Random(trial.seed), trial.brokers, trial.faults)
        patience_s = _LONG_SETTLE_S if trial.every else _SETTLE_S
        found = observe(installation, trial, diary, faults, patience_s)
        removed = compacted(installation)
        diary.note("compaction", removed=removed)
        if trial.faults and not all(removed.values()):
            found.append(f"compaction was to be forced; records removed from changelogs: {removed}")
        diary.note("differences", found=found)
        if found:
            _keep_topics(installation, folder / "topics")
    return found


def observe(
    installation: Installation,
    trial: Trial,
    diary: Diary,
    faults: Sequence[harm.Fault],
    patience_s: float = _SETTLE_S,
) -> list[str]:
    """Load the installation, harm it, wait until all is done, and give the differences from its logs."""
    plan = Plan(trial.seed, trial.per_s, trial.step_ms, _begin(trial), trial.idle)
    load = Load(installation.bootstrap, installation.prefix, installation.shape.partitions, plan)
    people = People(installation, trial.seed)
    load.start()
    try:
        with people:
            _harm(installation, trial, diary, faults, load)
    finally:
        load.finish()
    diary.say(f"{load.count} records sent; waiting until all is counted and told")
    return _outcome(Seen(installation, load, people.said, diary.harmed_s), diary, patience_s)


def _begin(trial: Trial) -> int:
    return round(time.time()) // 3600 * 3_600_000 if trial.live else BEGIN_MS


def _harm(
    installation: Installation, trial: Trial, diary: Diary, faults: Sequence[harm.Fault], load: Load
) -> None:
    rng = Random(trial.seed)
    harm.let_pass(3.0)
    for number, fault in enumerate(faults, 1):
        began = time.monotonic()
        detail = fault.harm(installation, Random(rng.random()))
        if fault.reaches_senders(detail):
            diary.harmed_s += [began + at for at in range(round(time.monotonic() - began) + 2)]
        load.check()
        diary.note(fault.name, detail=detail, size=size_of(installation), sent=load.count)
        diary.say(f"{number}/{len(faults)} {fault.name}: {detail}")
        harm.let_pass(_PAUSE_S if trial.every else rng.uniform(1.0, 3.0))
        while load.count < number * trial.every:
            load.check()
            harm.let_pass(0.2)


def _outcome(seen: Seen, diary: Diary, patience_s: float) -> list[str]:
    installation = seen.installation
    ends = installation.logs.ends()
    try:
        shown = wait_until(
            lambda: settled(installation, seen.load, ends),
            "all is counted and told",
            patience_s,
            pause_s=0.5,
        )
    except AssertionError as error:
        states = {"/".join(key): _state(stage) for key, stage in installation.stages.items()}
        return [f"{error}", *(f"{key}: {state}" for key, state in states.items()), *_ends(installation)]
    installation.rest()  # comparing takes all of the machine, and a sink that is starved is told twice
    diary.say("all is counted and told; comparing with the logs")
    seen.harmed_s.extend(end.at_s for end in installation.ended if "respond" in end.stage)
    return [*_ends(installation), *differences(seen, shown)]


def _state(stage: Any) -> str:
    try:
        return json.dumps(stage.json("/status"))[:1500]
    except OSError as error:
        return f"no answer ({error}); {stage.output()[-500:]}"


def _ends(installation: Installation) -> list[str]:
    """Stages that ended by themselves in another way than with a line and a code that says so."""
    return installation.complaints + [
        f"{end.stage} ended with code {end.code}: {end.words[-800:]}"
        for end in installation.ended
        if end.code not in (4, 5) or "Traceback" in end.words
    ]


def settled(installation: Installation, load: Load, ends: Ends) -> dict[str, Any] | None:
    """What is shown and has been exported, once every record is counted, judged, written and told."""
    stages, shown = installation.shape.stages, dict[str, Any]()
    if "evaluate" not in stages:
        all_read = _folded(installation) == ends
        return {"counted": True} if all_read and _stamps(installation) == ends else None
    frontier_ms = _judged_up_to(installation, ends)
    if frontier_ms is None or frontier_ms < load.last_end_ms:
        return None
    shown |= {"frontier_ms": frontier_ms, "points": installation.sinks.written()}
    if "respond" in stages:
        respond = installation.active("respond")
        if respond is None or respond[1]["outbox"]:
            return None
        shown["incidents"] = respond[0].json("/incidents")
    # idle time may have moved on meanwhile: then the points are of a later end
    return shown if _judged_up_to(installation, ends) == frontier_ms else None


def _judged_up_to(installation: Installation, ends: Ends) -> int | None:
    """The pane end up to which everything is judged, with no point waiting anywhere; None before all is
    counted, or what a former owner's points have covered is written again.
    """
    with suppress(OSError):
        idle, asked = not installation.points_waiting(), installation.logs.end_of_cells()
        evaluate = installation.active("evaluate")
        if not idle or evaluate is None or evaluate[1]["frontier_ms"] is None:
            return None
        ledgers = {(one["topic"], one["partition"]): one["stamp"] + 1 for one in evaluate[1]["ledgers"]}
        is_done = ledgers == ends and evaluate[1]["version"] + 1 >= asked
        if is_done and not evaluate[1]["exporters"]["influx"]["waiting"]:
            return int(evaluate[1]["frontier_ms"])
    return None


def compacted(installation: Installation) -> dict[str, int]:
    """How many records of a changelog partition of each stage compaction has removed."""
    found = {}
    for stage in installation.shape.stages:
        topic, partition = installation.logs.changelog(stage)
        records = read(installation.bootstrap, topic)[partition]
        found[stage] = records[-1].offset + 1 - len(records) if records else 0
    return found


def _keep_topics(installation: Installation, folder: Path) -> None:
    """What lies in the topics, one pickle of records by partition for each."""
    folder.mkdir()
    for topic in installation.logs.topics():
        (folder / f"{topic}.pickle").write_bytes(pickle.dumps(read(installation.bootstrap, topic)))


def _folded(installation: Installation) -> Ends:
    """How far the measure stages have folded, as they show it."""
    found: Ends = {}
    for stage in installation.stages.values():
        with suppress(OSError):
            shown = stage.json("/status")["partitions"] if stage.alive else []
            found |= {(one["topic"], one["partition"]): one["stamp"] + 1 for one in shown}
    return found


def _stamps(installation: Installation) -> Ends:
    """How far the ledgers in the cells topic have counted."""
    stamps: Ends = {}
    for record in read(installation.bootstrap, f"{installation.prefix}.cells.v1")[0]:
        if record.key == b"ledger":
            body = json.loads(record.value or b"")
            place = body["topic"], body["partition"]
            stamps[place] = max(stamps.get(place, 0), body["stamp"] + 1)
    return stamps
