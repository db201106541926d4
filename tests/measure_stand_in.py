"""A source partition in a few lines, as stage one is specified to be: for tests of stage two that need real
pages.
"""

from dataclasses import dataclass, field

from tests.evaluate_builders import DAY, HOUR, MINUTE, CellsLog, ledger, page


@dataclass(frozen=True)
class Event:
    """One order: when, where, how much; `lag` is its delay."""

    at: int
    leaf: tuple[str, str]
    amount: int
    lag: int


@dataclass
class MiniMeasure:
    """One source partition, as stage one is specified to be: absolute pages by pane and known pane."""

    log: CellsLog
    source: tuple[str, int] = ("sales", 0)
    watermark: int | None = None
    pages: dict[tuple[str, int, int], dict[tuple[str, str], dict[str, int]]] = field(default_factory=dict)
    dirty: set[tuple[str, int, int]] = field(default_factory=set)
    stamp: int = 0
    seen: list[tuple[Event, str, int, int]] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Count one event in the page it belongs to."""
        self.stamp += 1
        mark = self.watermark if self.watermark is not None else -(10**15)
        minute = event.at // MINUTE * MINUTE
        if minute + MINUTE > mark:
            key = ("m", minute, minute)
        else:
            known = mark // MINUTE * MINUTE
            if minute >= known - 2 * HOUR:
                key = ("m", minute, known)
            elif minute >= known - 8 * DAY:
                key = ("h", event.at // HOUR * HOUR, known)
            else:
                key = ("d", event.at // DAY * DAY, known)
        cell = self.pages.setdefault(key, {}).setdefault(
            event.leaf, {"order.count": 0, "order.sum.amount": 0}
        )
        cell["order.count"] += 1
        cell["order.sum.amount"] += event.amount
        cell["order.max.delay"] = max(event.lag, cell.get("order.max.delay", 0))
        self.dirty.add(key)
        self.seen.append((event, key[0], key[1], key[2] + MINUTE))
        self.watermark = max(mark, event.at)

    def flush(self) -> None:
        """Send what changed, then the ledger."""
        for grain, start, known in sorted(self.dirty):
            cells = self.pages[grain, start, known]
            self.log.put(
                page(
                    self.log.layout,
                    cells,
                    start,
                    stamp=self.stamp,
                    known=known,
                    grain=grain,
                    source=self.source,
                )
            )
        self.dirty.clear()
        self.log.put(ledger(self.watermark, stamp=self.stamp, source=self.source))
