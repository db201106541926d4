"""A producer that keeps sending orders and refunds, some of them twice, while workers are killed."""

import json
import threading
from random import Random

from kafka import KafkaProducer

REGIONS = ("East", "South", "West", "North")
#: 10 March 2026, 10:00 in Shanghai: in the middle of a month, of a day and of an hour
BEGIN_MS = 1_773_108_000_000


class Load:
    """Sends `count` events over about `seconds`, in event time one second per millisecond of `pace_ms`."""

    def __init__(self, bootstrap: str, topic: str, seed: int, count: int, seconds: float) -> None:
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5)
        self._topic = topic
        self._rng = Random(seed)
        self._count = count
        self._pause = seconds / max(1, count // 100)
        self._thread = threading.Thread(target=self._run)
        self._stop = threading.Event()
        self.last_ms = BEGIN_MS

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()
        self._producer.close()

    def _run(self) -> None:
        recent: list[tuple[bytes, bytes]] = []
        for number in range(self._count):
            key, value = self._event(number)
            recent = [*recent[-200:], (key, value)]
            self._producer.send(self._topic, key=key, value=value)
            if self._rng.random() < 0.05:
                key, value = self._rng.choice(recent)
                self._producer.send(self._topic, key=key, value=value)
            if number % 100 == 99:
                self._stop.wait(self._pause)
        self._producer.flush()

    def _event(self, number: int) -> tuple[bytes, bytes]:
        rng = self._rng
        self.last_ms = BEGIN_MS + number * 30
        at_ms = self.last_ms - rng.randrange(8_000)
        refund = rng.random() < 0.1
        event = {
            "kind": "refund" if refund else "order",
            "event_id": f"e{number}",
            "occurred_at": at_ms,
            "dimensions": {"region": rng.choice(REGIONS), "product_line": rng.choice(("a", "b"))},
            "amount": f"{rng.randrange(1, 100_000) / 100:.2f}",
            "currency": "CNY",
        }
        if refund:
            event["reason"] = "broken"
        else:
            event |= {
                "order_id": f"o{number // 2}",
                "line": 1 + number % 2,
                "customer_id": "c",
                "quantity": rng.randrange(1, 5),
            }
        return str(number).encode(), json.dumps(event).encode()
