"""What a stage says about itself: happenings, metrics, health, log lines.

One `Telemetry` per stage process. `tell(happening)` makes the log line and the counter at once; `Health`
holds the named reasons why a stage is not ready or not well.
"""

from streams.telemetry.health import Health, Reason
from streams.telemetry.logs import setup_logging
from streams.telemetry.registry import Telemetry

__all__ = ["Health", "Reason", "Telemetry", "setup_logging"]
