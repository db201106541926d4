"""A worker that says where its time goes: `python -m tests.bench.sampled_worker measure`.

A thread looks 200 times a second at what every other thread is at, and gives each the CPU that the kernel
says it has used since the last look: who waits uses none, so that waiting for the network, or for the
interpreter's lock, counts for nothing. It looks in the midst of the work and not only where a thread waits:
the interpreter is told to change threads that much sooner. Sums so far are written ten times a second to the
file that PLANWATCH_BENCH_PROFILE names, a line each: epoch seconds, and CPU seconds by part.
"""

import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from tests.bench.parts_of_time import part_of
from tests.servers.installation import Installation
from tests.servers.planwatch import Stage

VARIABLE = "PLANWATCH_BENCH_PROFILE"
_PAUSE_S = 0.005
#: how long a thread that works may keep the looker waiting
_SWITCH_S = 0.0001
_LINES_EACH = 20


class Sampler:
    """CPU seconds by part of the work, from when `run` begins."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._used: dict[int, int] = {}
        self._sums: defaultdict[str, float] = defaultdict(float)

    def run(self) -> None:
        """Look and write until the process ends."""
        me, looks = threading.get_ident(), 0
        sys.setswitchinterval(_SWITCH_S)
        with self._file.open("a") as file:
            while True:
                time.sleep(_PAUSE_S)
                self.look(me)
                looks += 1
                if looks % _LINES_EACH == 0:
                    file.write(json.dumps([time.time(), self._sums]) + "\n")
                    file.flush()

    def look(self, me: int) -> None:
        """Give every thread's CPU since the last look to what it is at."""
        frames, main = sys._current_frames(), threading.main_thread()
        for thread in threading.enumerate():
            if thread.ident in (None, me) or thread.native_id is None:
                continue
            spent_s = self._spent_s(thread.native_id)
            if spent_s:
                frame = frames.get(thread.ident or 0)
                self._sums[part_of(frame, reads=thread is not main)] += spent_s

    def _spent_s(self, thread: int) -> float:
        """Seconds of CPU of a thread since this was last asked."""
        try:
            now = int(Path(f"/proc/self/task/{thread}/schedstat").read_bytes().split()[0])
        except OSError:
            return 0.0
        before, self._used[thread] = self._used.get(thread, now), now
        return (now - before) / 1e9


class SampledMeasure(Stage):
    """measure, sampled; `shares` says where its time went."""

    def __init__(self, installation: Installation, file: Path) -> None:
        super().__init__("measure", installation.env)
        self.env[VARIABLE] = str(file)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.bench.sampled_worker", "worker", self.name]


def shares(file: Path, begin_s: float, end_s: float) -> Mapping[str, float]:
    """What part of the CPU between two moments each part of the work took."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    before = [sums for at_s, sums in lines if at_s <= begin_s][-1:] or [{}]
    inside = [sums for at_s, sums in lines if at_s <= end_s][-1]
    took = {part: inside[part] - before[0].get(part, 0) for part in inside}
    return {part: seconds / sum(took.values()) for part, seconds in took.items()}


if __name__ == "__main__":
    from streams.cli.main import main

    threading.Thread(target=Sampler(Path(os.environ[VARIABLE])).run, daemon=True).start()
    main()
