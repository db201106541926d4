"""The composition root: the only place that chooses implementations and gives them their settings.

`make_app` builds the Faust app of one stage; `Wiring` is what a stage is given to work with. Tests build a
`Wiring` of their own with fakes at the ports.
"""

import secrets
import tempfile
from dataclasses import dataclass, field

import faust
from faust.app.base import BootStrategy
from faust.tables import TableManager

from schemas.catalogue import Catalogue
from streams.clock import Clock, WallClock
from streams.settings import Settings
from streams.topics import Names
from streams.transport import broker_url

STAGES = ("measure", "evaluate", "respond")


class _Boot(BootStrategy):
    """Faust without its web server and sensors: a stage has a page and metrics of its own."""

    enable_web = False
    enable_sensors = False


class _NoTables(TableManager):
    """Faust waits a second for tables to be declared; there are none: state is in changelogs of our own."""

    async def on_start(self) -> None:
        """Begin at once."""
        await self._update_channels()
        if not self.should_stop:
            await self.recovery.start()


class StageApp(faust.App):
    """A Faust app whose only services are producer, consumer, agents and conductor."""

    BootStrategy = _Boot
    #: whether the producer numbers its batches, so that one sent again cannot land behind a newer one
    idempotent = True


@dataclass(frozen=True, slots=True)
class Wiring:
    """What every stage is given: settings, names, catalogue, clock; and an id for each ownership."""

    settings: Settings
    catalogue: Catalogue
    clock: Clock = field(default_factory=WallClock)

    @property
    def names(self) -> Names:
        """The names on the broker."""
        return Names(self.settings.kafka.prefix)

    def new_owner(self) -> str:
        """An id that no other ownership of a partition ever had, of this process or another."""
        return secrets.token_hex(4)


def make_app(settings: Settings, stage: str, port: int) -> StageApp:
    """The Faust app of a stage; call it inside the running loop. `port` makes its address unique."""
    kafka = settings.kafka
    app = StageApp(
        id=Names(kafka.prefix).app(stage),
        broker=broker_url(kafka.bootstrap),
        canonical_url=f"http://127.0.0.1:{port}",
        datadir=tempfile.gettempdir(),
        autodiscover=False,
        web_enabled=False,
        TableManager=_NoTables,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        stream_buffer_maxsize=32,
        consumer_auto_offset_reset="earliest",
        broker_max_poll_records=settings.measure.batch,
        broker_session_timeout=kafka.session_timeout_s,
        broker_heartbeat_interval=kafka.heartbeat_s,
        broker_request_timeout=max(kafka.request_timeout_s, kafka.session_timeout_s + 1),
        broker_commit_interval=3600.0,
        producer_acks=-1,
        producer_request_timeout=kafka.request_timeout_s,
        producer_linger_ms=0,
        producer_max_request_size=16 << 20,
        producer_max_batch_size=1 << 20,
        consumer_max_fetch_size=4 << 20,
    )
    app.idempotent = kafka.idempotent
    return app
