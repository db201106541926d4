"""Ports of 127.0.0.1 that are free and stay so until their server takes them.

Drawn below the range that the kernel gives to outgoing connections, and held by a lock for as long as this
process lives, so that neither a client nor a second test run on the machine takes one between the choice
and its use, nor while a killed server is down.
"""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

_RANGE = range(18_000, 32_000)
_draw = (
    random.Random()
)  # seeded by the system, not by the test's seed: two runs with one seed must not collide
_held: list[int] = []  # descriptors of the lock files, open until this process ends


def free_port() -> int:
    """A port that nothing listens on and that no other caller of this function has."""
    folder = Path(tempfile.gettempdir()) / "planwatch-ports"
    folder.mkdir(exist_ok=True)
    for _ in range(1000):
        port = _draw.choice(_RANGE)
        lock = os.open(folder / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            os.close(lock)
            continue
        _held.append(lock)
        return port
    raise OSError(f"no free port of 127.0.0.1 in {_RANGE.start} to {_RANGE.stop} after 1000 draws")


def listening(port: int) -> bool:
    """Whether something takes connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
