"""The people of the suite: while everything is harmed they acknowledge and solve what they are shown.

What the broker has confirmed of their commands must be found in the incidents afterwards.
"""

import threading
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas.records import Acknowledge, Solve
from schemas.tier import Tier
from tests.faults.installation import Installation

_EVERY_S = 1.0


class People:
    """`with People(installation, seed) as people: …`: they act until the block ends."""

    def __init__(self, installation: Installation, seed: int) -> None:
        self._installation = installation
        self._rng = Random(seed)
        #: incident → what was said of it and is in the log (acknowledged, solved)
        self.said: dict[str, set[str]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="people", daemon=True)

    def __enter__(self) -> "People":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        bootstrap = self._installation.bootstrap.split(",")
        producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", delivery_timeout_ms=60_000)
        while not self._over.wait(_EVERY_S):
            for name, what in self._choose():
                command = (Acknowledge if what == "acknowledged" else Solve)(incident=name, by="suite")
                try:
                    value = command.model_dump_json().encode()
                    producer.send(f"{self._installation.prefix}.inbox.v1", key=b"command", value=value).get(
                        60
                    )
                except KafkaError:
                    continue  # not confirmed: it may have been heard or not
                self.said.setdefault(name, set()).add(what)
        producer.close()

    def _choose(self) -> Iterator[tuple[str, str]]:
        respond = self._installation.active("respond")
        if respond is None:
            return
        try:
            shown = respond[0].json("/incidents")["incidents"]
        except OSError:
            return
        waiting = [one for one in shown if one["resolved_ms"] is None and one["acknowledged"] is None]
        for one in self._rng.sample(waiting, min(2, len(waiting))):
            yield one["id"], self._rng.choice(("acknowledged", "acknowledged", "solved"))


def differences(said: Mapping[str, set[str]], shown: Mapping[str, Any]) -> Iterator[str]:
    """What people said and the incidents do not show, unless the incident was over before."""
    for one in shown["incidents"]:
        missing = {what for what in said.get(one["id"], ()) if one[what] is None}
        if missing and one["resolved_ms"] is None:
            yield f"{one['id']}: people said {missing}, and it is not shown"


def deadlines(shown: Mapping[str, Any], tiers: Mapping[str, Tier]) -> Iterator[str]:
    """Every deadline lies as far after its start as the tier says, or is the earlier one that it replaced.

    Obligations stand in the order in which they began; several rungs may be passed at one moment.
    """
    for one in shown["incidents"]:
        for number, duty in enumerate(one["obligations"]):
            clock = getattr(tiers[duty["tier"]], duty["clock"])
            asked = None if clock is None else duty["since_ms"] + clock.ms
            replaced = [
                other["due_ms"]
                for other in one["obligations"][:number]
                if (other["clock"], other["state"], other["ended_ms"])
                == (duty["clock"], "void", duty["since_ms"])
            ]
            if asked is None or duty["due_ms"] != min([asked, *replaced]):
                yield f"{one['id']}: {duty} is not {clock}, nor the earlier of {replaced}"
