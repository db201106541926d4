"""The faults that the suite draws from: each harms an installation, lasts its time, and is mended.

A fault is a function of the installation and a seeded generator. What it waits for is either its own length
or a condition; afterwards nothing that it did is left behind but its traces.
"""

import signal
from collections.abc import Callable
from random import Random
from typing import Literal, NamedTuple

from tests.faults.installation import SESSION_S, Installation, door_names
from tests.faults.sinks import HOOK_MODES, INFLUX_MODES, MAIL_MODES
from tests.servers.planwatch import STAGES
from tests.servers.waiting import wait_until

Harm = Callable[[Installation, Random], str]


class Fault(NamedTuple):
    """A fault by its name; `brokers` are the numbers of brokers with which it makes sense.

    `of`: what it harms. A notice may come twice only if its sender was harmed, or what he writes to.
    """

    name: str
    harm: Harm
    of: Literal["stage", "hosts", "sink"]
    brokers: tuple[int, ...] = (1, 3)

    def reaches_senders(self, detail: str) -> bool:
        """Whether this harm, told in `detail`, may have cut a send off between arrival and receipt."""
        return self.of == "hosts" or (self.of == "stage" and "respond" in detail)


def let_pass(seconds: float) -> None:
    """The fault itself lasts this long; nothing is waited for."""
    signal.sigtimedwait([], seconds)


def _victim(installation: Installation, rng: Random) -> tuple[str, str]:
    return rng.choice(installation.shape.hosts), rng.choice(installation.shape.stages)


def kill(installation: Installation, rng: Random) -> str:
    """kill -9, and started again at once or after others have taken over."""
    host, name = _victim(installation, rng)
    installation.take_down(host, name, kill=True)
    if rng.random() < 0.5:
        let_pass(SESSION_S + 1)
    installation.launch(host, name)
    return f"{host}/{name}"


def kill_host(installation: Installation, rng: Random) -> str:
    """All stages of a host at once, as when its power fails."""
    host = rng.choice(installation.shape.hosts)
    for name in installation.shape.stages:
        installation.take_down(host, name, kill=True)
    let_pass(1.0)
    for name in installation.shape.stages:
        installation.launch(host, name)
    return host


def zombie(installation: Installation, rng: Random) -> str:
    """Stopped beyond the session timeout, then woken: others own its partitions when it goes on, or nobody,
    since these have died meanwhile."""
    host, name = _victim(installation, rng)
    stage = installation.stages[host, name]
    stage.pause()
    let_pass(SESSION_S + rng.uniform(0.5, 2.5))
    others = [other for other in installation.shape.hosts if other != host] if rng.random() < 0.5 else []
    for other in others:
        installation.take_down(other, name, kill=True)
    if others:
        let_pass(SESSION_S + 1.0)
    stage.resume()
    if others:
        let_pass(rng.uniform(0.5, 2.0))
    for other in others:
        installation.launch(other, name)
    return f"{host}/{name}" + (" (others died)" if others else "")


def terminate(installation: Installation, rng: Random) -> str:
    """SIGTERM: it finishes, writes and leaves, within ten seconds; once it has begun.

    One that had ended before it was told has its own account to give, as any that ends by itself.
    """
    host, name = _victim(installation, rng)
    stage = installation.stages[host, name]
    wait_until(lambda: not stage.alive or stage.json("/status"), f"{host}/{name} has begun")
    lived: list[bool] = []
    installation.take_down(host, name, kill=False, when=lambda: lived.append(stage.alive))
    if stage.exit_code != 0 and (lived[0] or stage.exit_code != 4):
        words = f"{host}/{name} was told to stop and ended with {stage.exit_code}: {stage.output()[-800:]}"
        installation.complaints.append(words)
    installation.launch(host, name)
    return f"{host}/{name}"


def join_and_leave(installation: Installation, rng: Random) -> str:
    """A third worker of a stage comes for a while."""
    host, name = rng.choice(installation.shape.hosts), rng.choice(installation.shape.stages)
    guest = installation.guest(host, name)
    let_pass(rng.uniform(3.0, 5.0))
    installation.send_home(guest, kill=rng.random() < 0.5)
    return f"{host}/{name}"


def kill_leader_of_source(installation: Installation, rng: Random) -> str:
    """kill -9 of the broker that leads a source partition; back after a while."""
    topic = rng.choice(installation.logs.inputs)
    return _lose_broker(
        installation, installation.logs.leader(topic, rng.randrange(installation.shape.partitions))
    )


def kill_leader_of_changelog(installation: Installation, rng: Random) -> str:
    """kill -9 of the broker that leads a changelog partition."""
    topic, partition = installation.logs.changelog(rng.choice(STAGES))
    return _lose_broker(installation, installation.logs.leader(topic, partition))


def kill_controller(installation: Installation, _: Random) -> str:
    """kill -9 of the broker that is the active controller."""
    return _lose_broker(installation, installation.logs.controller())


def _lose_broker(installation: Installation, number: int) -> str:
    installation.kafka.kill(number)
    let_pass(6.0)
    installation.kafka.restart(number)
    installation.kafka.wait_in_sync()
    return f"broker {number}"


def restart_only_broker(installation: Installation, rng: Random) -> str:
    """The only broker goes and comes back, orderly or not."""
    graceful = rng.random() < 0.5
    installation.kafka.restart(1, graceful=graceful)
    return "orderly" if graceful else "kill -9"


def cut(installation: Installation, rng: Random) -> str:
    """A host's network swallows everything, for less than a session or for longer."""
    host = rng.choice(installation.shape.hosts)
    seconds = rng.choice((1.5, SESSION_S + 2))
    installation.proxy.swallow(door_names(installation, host))
    let_pass(seconds)
    installation.proxy.heal(door_names(installation, host))
    return f"{host}, {seconds:g} s"


def reset(installation: Installation, rng: Random) -> str:
    """A host's connections are closed, and new ones refused for a while."""
    host = rng.choice(installation.shape.hosts)
    installation.proxy.refuse(door_names(installation, host))
    let_pass(rng.choice((0.3, SESSION_S + 1)))
    installation.proxy.refuse(door_names(installation, host), refused=False)
    return host


def slow(installation: Installation, rng: Random) -> str:
    """A host's network is slow in both directions."""
    host = rng.choice(installation.shape.hosts)
    installation.proxy.slow(door_names(installation, host), delay_ms=150, kb_per_s=200)
    let_pass(5.0)
    installation.proxy.heal(door_names(installation, host))
    return host


def sink(name: str, modes: tuple[str, ...]) -> Harm:
    """A sink that is down, slow, or answers something else than it should."""

    def harm(installation: Installation, rng: Random) -> str:
        mode = rng.choice(modes)
        installation.ail(name, mode)
        let_pass(rng.uniform(3.0, 6.0))
        installation.ail(name, "ok")
        return mode

    return harm


def full_disk(installation: Installation, _: Random) -> str:
    """InfluxDB is away and the disk that points wait on is full."""
    for host in installation.shape.hosts:
        installation.fill_disk(host)
    installation.ail("influx", "500")
    let_pass(5.0)
    for host in installation.shape.hosts:
        installation.free_disk(host)
    installation.ail("influx", "ok")
    return "both hosts"


FAULTS = (
    Fault("kill", kill, "stage"),
    Fault("kill host", kill_host, "hosts"),
    Fault("zombie", zombie, "stage"),
    Fault("terminate", terminate, "stage"),
    Fault("join and leave", join_and_leave, "stage"),
    Fault("kill leader of a source partition", kill_leader_of_source, "hosts", (3,)),
    Fault("kill leader of a changelog", kill_leader_of_changelog, "hosts", (3,)),
    Fault("kill controller", kill_controller, "hosts", (3,)),
    Fault("restart the only broker", restart_only_broker, "hosts", (1,)),
    Fault("cut", cut, "hosts"),
    Fault("reset", reset, "hosts"),
    Fault("slow", slow, "hosts"),
    Fault("influx", sink("influx", INFLUX_MODES), "sink"),
    Fault("webhook", sink("hook", HOOK_MODES), "sink"),
    Fault("mail", sink("mail", MAIL_MODES), "sink"),
    Fault("full disk", full_disk, "sink"),
)


def draw(rng: Random, brokers: int, count: int) -> list[Fault]:
    """Faults that suit so many brokers: each kind before any comes a second time, in drawn order."""
    suited = [fault for fault in FAULTS if brokers in fault.brokers]
    drawn: list[Fault] = []
    while len(drawn) < count:
        drawn += rng.sample(suited, len(suited))
    return drawn[:count]
