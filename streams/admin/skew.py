"""How far our clock is from the broker's: asked of a short-lived topic that the broker stamps."""

import secrets

from streams.admin.client import Admin
from streams.admin.plan import Action, Step
from streams.broker import Sender
from streams.clock import Clock
from streams.settings import KafkaSettings
from streams.topics import Names


def clock_skew_ms(kafka: KafkaSettings, admin: Admin, clock: Clock) -> int | None:
    """Our clock minus the broker's, give or take half a round trip; None when the broker does not stamp.

    BrokerError when the topic cannot be made; it is deleted in any case.
    """
    topic = f"{Names(kafka.prefix).app('doctor')}-{secrets.token_hex(4)}"
    admin.create([Step(topic, Action.CREATE, 1, 1, {"message.timestamp.type": "LogAppendTime"})])
    try:
        with Sender(kafka) as sender:
            sender.broker_time_ms(topic)  # the first one also finds the leader
            before = clock.now_ms()
            stamped = sender.broker_time_ms(topic)
            after = clock.now_ms()
    finally:
        admin.delete([topic])
    return None if stamped is None else (before + after) // 2 - stamped
