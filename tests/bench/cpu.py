"""What a process had used of the CPU at any moment: its figure in /proc, read often and interpolated."""

import os
import threading
import time
from bisect import bisect_left
from pathlib import Path
from typing import Self

_PAUSE_S = 0.02
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    """Seconds of CPU of a process with all its threads, in user and system mode."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) * _TICK_S


def memory_mb(pid: int) -> float:
    """The resident memory of a process in megabytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES / 1e6


class CpuSampler:
    """`with CpuSampler(pid) as cpu: …; cpu.at(epoch_s)`: a thread of ours that reads until the block ends."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._times: list[float] = []
        self._used: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._ended.is_set():
            try:
                used = cpu_s(self._pid)
            except OSError:
                return  # it has ended
            self._times.append(time.time())
            self._used.append(used)
            self._ended.wait(_PAUSE_S)

    def at(self, epoch_s: float) -> float:
        """Seconds of CPU used up to that moment, which lies within what was sampled."""
        after = min(max(1, bisect_left(self._times, epoch_s)), len(self._times) - 1)
        begin, end = self._times[after - 1], self._times[after]
        part = min(1.0, max(0.0, (epoch_s - begin) / (end - begin)))
        return self._used[after - 1] + part * (self._used[after] - self._used[after - 1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
