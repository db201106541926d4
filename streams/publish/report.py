"""The report at the end of a publish: what was sent, skipped and refused of each file, and why.

Keeps the counts of everything and the texts of the first refusals; the full list goes to a file as NDJSON,
line by line.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from schemas.errors import BrokerError, InputError
from streams.publish.outcome import Refused, Tally


@dataclass(slots=True)
class Delivery:
    """What came of sending: records that all in-sync replicas confirmed, by topic, and why not all were.

    `failed` counts what the broker refused for good, `error` is its last reason; `stopped` ended the sending.
    """

    sent: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    error: str = ""
    interrupted: bool = False
    stopped: BrokerError | None = None
    dry_run: bool = False


class Refusals:
    """Every refusal counted, the first ones kept, all of them written to a file when one is given."""

    def __init__(self, shown: int, path: Path | None = None) -> None:
        self.first: list[Refused] = []
        self.reasons: Counter[tuple[str, str]] = Counter()
        self._shown = shown
        self._file: IO[str] | None = None
        if path is not None:
            try:
                self._file = path.open("w", encoding="utf-8")
            except OSError as error:
                raise InputError(
                    f"{path} cannot be written: {error.strerror}", remedy="name another file"
                ) from error

    def add(self, refused: Refused) -> None:
        """Take one refusal."""
        self.reasons[refused.field, refused.reason] += 1
        if len(self.first) < self._shown:
            self.first.append(refused)
        if self._file is not None:
            self._file.write(json.dumps(refused._asdict(), ensure_ascii=False) + "\n")

    @property
    def count(self) -> int:
        """All of them."""
        return self.reasons.total()

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()


def as_record(tallies: list[Tally], refusals: Refusals, delivery: Delivery) -> dict[str, Any]:
    """The report for programs."""
    return {
        "files": [
            {
                "file": tally.file,
                "rows": tally.rows,
                "events": tally.events,
                "refused": tally.refused,
                "skipped": dict(tally.skipped),
            }
            for tally in tallies
        ],
        "refused": refusals.count,
        "refusals": [refused._asdict() for refused in refusals.first],
        "sent": dict(delivery.sent),
        "failed": delivery.failed,
        "error": str(delivery.stopped or delivery.error),
        "interrupted": delivery.interrupted,
        "dry_run": delivery.dry_run,
    }


def as_lines(tallies: list[Tally], refusals: Refusals, delivery: Delivery) -> list[str]:
    """The report for people."""
    lines = [_tally_line(tally) for tally in tallies]
    if refusals.count:
        lines.append(f"refused: {refusals.count}")
        lines += [f"  {refused}" for refused in refusals.first]
        rest = Counter(refusals.reasons)
        rest.subtract((refused.field, refused.reason) for refused in refusals.first)
        lines += [
            f"  … and {count} more: {field} {why}" for (field, why), count in rest.most_common() if count
        ]
    sent = ", ".join(f"{count} to {topic}" for topic, count in sorted(delivery.sent.items())) or "nothing"
    lines.append(f"{'would send' if delivery.dry_run else 'sent'}: {sent}")
    if delivery.failed:
        lines.append(f"not sent: {delivery.failed}; last error: {delivery.error}")
    if delivery.interrupted:
        lines.append(
            "interrupted; run the same command again: what was sent counts once, its event ids are the same"
        )
    return lines


def _tally_line(tally: Tally) -> str:
    skipped = "".join(f", {count} skipped ({why})" for why, count in tally.skipped.items())
    return f"{tally.file}: {tally.rows} rows, {tally.events} events, {tally.refused} refused{skipped}"
