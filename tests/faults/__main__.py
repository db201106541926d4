"""Run trials by hand, and repeat one that failed.

Example: tests/run --python -m tests.faults --seed 7 --faults 10 --brokers 3
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.installation import Shape
from tests.faults.trial import Trial, run

#: days that pass within minutes have points to match: as many a request as installations send
_LONG = (("INFLUX__LINES", 5000),)


def main() -> int:
    """Exit code 0 when everything was exact."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--seed", type=int, default=1, help="what the trial is drawn from")
    options.add_argument("--faults", type=int, default=10, help="how many")
    options.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    options.add_argument("--per-s", type=int, default=400, help="records sent a second")
    options.add_argument("--step-ms", type=int, default=200, help="event time between two records")
    options.add_argument(
        "--every", type=int, default=0, help="records sent from one fault to the next, at least"
    )
    options.add_argument("--live", action="store_true", help="event time is about now")
    options.add_argument("--idle", action="store_true", help="a source falls silent again and again")
    options.add_argument("--folder", type=Path, help="schedule and logs; a new one unless given")
    given = options.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="planwatch-trial-"))
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(f"{time.monotonic() - began:6.1f} s  {text}\n")
        sys.stdout.flush()

    trial = Trial(
        given.seed,
        given.faults,
        given.brokers,
        given.per_s,
        given.step_ms,
        given.live,
        given.idle,
        given.every,
        Shape(settings=_LONG if given.every else ()),
    )
    found = run(trial, folder, say)
    say(f"{len(found)} differences; schedule and logs are in {folder}")
    sys.stdout.writelines(f"- {one}\n" for one in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
