"""A worker gives large blocks back: with a small one above it, glibc would keep each on its heap."""

import platform
import subprocess
import sys

from tests.servers.planwatch import REPOSITORY

_MB = 1 << 20
#: a block twice: the first time it is asked of the system, the second time, left alone, of the heap
_PROGRAM = f"""
import ctypes
import os
from agents.memory import keep_small

{{begin}}
c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p
c.free.argtypes = [ctypes.c_void_p]
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def block():
    at = c.malloc({20 * _MB})
    ctypes.memset(at, 1, {20 * _MB})
    return at
c.free(block())
before = resident()
large = block()
above = [c.malloc(100_000) for _ in range(50)]
c.free(large)
print(resident() - before)
"""


def grown_mb(begin: str) -> float:
    """Megabytes that are still there after a large block was let go."""
    command = [sys.executable, "-c", _PROGRAM.format(begin=begin)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    return int(done.stdout) / _MB


def test_large_blocks_are_given_back() -> None:
    assert grown_mb("keep_small()") < 5
    if platform.libc_ver()[0] == "glibc":
        assert grown_mb("") > 15, "glibc keeps none any more: agents/memory.py may go"
