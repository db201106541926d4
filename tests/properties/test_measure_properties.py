"""Stage one over random logs, polls, flushes, crashes and zombies, against a recount that shares no code."""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.kpi import Measure
from streams.cells.page import decode_page
from streams.engine.measure import Flush, Limits, MeasureRows, SourceFold
from tests.measure_builders import START_MS, TOPIC, ZONE_MS, Record, catalogue, encoded

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
RULES = {"disorder": "10s", "future_limit": "5m", "keep_minutes": "5m", "keep_hours": "3h", "keep_days": "2d"}
CATALOGUE = catalogue(limit=1, **RULES)
OTHER_LAYOUT = catalogue(Measure(event="order", sum="quantity"), limit=1, **RULES)
LIMITS = Limits(page_cells=2)
#: columns of the layout, in the order of their keys
COLUMNS = (
    "order+refund.min.delay",
    "order.count",
    "order.count[line=1]",
    "order.max.amount[quantity=1..]",
    "order.sum.amount",
    "refund.sum.amount",
)

ages = st.one_of(
    st.integers(-2 * MINUTE, 3 * MINUTE),
    st.integers(0, 8 * MINUTE),
    st.integers(0, 5 * HOUR),
    st.integers(0, 4 * DAY),
)
moves = st.fixed_dictionaries(
    {
        "gap": st.integers(1, 3),
        "pass": st.integers(-MINUTE, 4 * MINUTE),
        "age": ages,
        "id": st.integers(0, 30),
        "region": st.sampled_from(["a", "b", "c", "d", "e", "f", None]),
        "channel": st.sampled_from(["x", "y"]),
        "cents": st.integers(0, 99_999),
        "quantity": st.integers(0, 2),
        "line": st.integers(1, 2),
        "what": st.sampled_from(["order"] * 6 + ["refund", "rubbish", "tombstone", "early"]),
    }
)


def log_of(steps: list[dict[str, Any]]) -> list[Record]:
    """A partition's log: offsets with gaps, record times that may step back."""
    log, offset, now = [], -1, START_MS
    for step in steps:
        offset += step["gap"]
        now += step["pass"]
        event = {
            "kind": "order",
            "event_id": f"id-{step['id']}",
            "occurred_at": now - step["age"] + (10 * MINUTE + step["age"] if step["what"] == "early" else 0),
            "dimensions": {"region": step["region"], "channel": step["channel"]},
            "amount": f"{step['cents'] / 100:.2f}",
            "currency": "CNY",
        }
        if step["what"] == "refund":
            event |= {"kind": "refund", "reason": "r"}
        else:
            event |= {"order_id": "o", "line": step["line"], "quantity": step["quantity"]}
        values = {"rubbish": b"{", "tombstone": None}
        log.append(Record(offset, now, values[step["what"]] if step["what"] in values else encoded(event)))
    return log


@dataclass
class Recount:
    """The figures of a log by the words of the design, one event at a time."""

    cells: dict[tuple[Any, ...], list[int | None]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    refused: list[int] = field(default_factory=list)
    other: int = 0
    disorder: int = 10_000
    limit: int = 4
    watermark: int | None = None
    seen: set[str] = field(default_factory=set)
    values: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))

    def add(self, one: Record) -> None:
        self.counts["received"] += 1
        try:
            event = json.loads(one.value or b"")
        except ValueError:
            event = None
        if event is None or event["occurred_at"] - one.timestamp > 5 * MINUTE:
            self.counts["refused"] += 1
            self.refused.append(one.offset)
        elif event["event_id"] in self.seen:
            self.counts["duplicate"] += 1
        else:
            self.seen.add(event["event_id"])
            self.place(event, one)

    def place(self, event: dict[str, Any], one: Record) -> None:
        at, mark = event["occurred_at"], self.watermark
        minute = at // MINUTE * MINUTE
        pane: tuple[str, int, int] = ("m", minute, minute)
        if mark is not None and minute + MINUTE <= mark:
            known = mark // MINUTE * MINUTE
            self.counts["late"] += 1
            if known - minute <= 5 * MINUTE:
                pane = ("m", minute, known)
            elif known - minute <= 3 * HOUR:
                pane = ("h", at // HOUR * HOUR, known)
            elif known - minute <= 2 * DAY:
                pane = ("d", (at + ZONE_MS) // DAY * DAY - ZONE_MS, known)
            else:
                self.counts["late"] -= 1
                self.counts["expired"] += 1
                return
        self.counts["counted"] += 1
        low = min(at, one.timestamp) - self.disorder
        self.watermark = low if mark is None else max(mark, low)
        cell = self.cells.setdefault((*pane, self.leaf(event)), [None, 0, 0, None, 0, 0])
        self.measure(cell, event, max(0, one.timestamp - at))

    def leaf(self, event: dict[str, Any]) -> tuple[str, ...]:
        wanted = [event["dimensions"].get(name) or "unknown" for name in ("region", "channel")]
        for known, value in zip(self.values, wanted, strict=True):
            if value != "unknown" and value not in known and len(known) < self.limit:
                known.append(value)
        kept = tuple(
            value if value in (*known, "unknown") else "other"
            for known, value in zip(self.values, wanted, strict=True)
        )
        self.other += list(kept) != wanted
        return kept

    def measure(self, cell: list[Any], event: dict[str, Any], delay: int) -> None:
        cents = int(event["amount"].replace(".", ""))
        cell[0] = delay if cell[0] is None else min(cell[0], delay)
        if event["kind"] == "refund":
            cell[5] += cents
            return
        cell[1] += 1
        cell[2] += event["line"] == 1
        cell[4] += cents
        if event["quantity"] >= 1:
            cell[3] = cents if cell[3] is None else max(cell[3], cents)


NAMES = ("received", "counted", "duplicate", "late", "expired", "refused")


@dataclass
class Broker:
    """The changelog and the cells topic, as far as writes have reached them.

    `any_order`: writes of a flush overtake each other; else in order, the rows confirmed first.
    """

    any_order: bool = True

    changelog: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    cells: list[bytes] = field(default_factory=list)

    def write(self, fold: SourceFold, flush: Flush, reach: int) -> bool:
        """Write a flush until `reach` writes are done; True when it was confirmed to the end."""
        steps: list[tuple[bytes | None, bytes]] = [*flush.rows, *((None, page) for page in flush.pages)]
        if self.any_order:
            Random(reach).shuffle(steps)
        steps = [*flush.adoption, *steps]
        for key, value in [*steps, flush.ledger_row][:reach]:
            if key is None:
                self.cells.append(value)
            else:
                self.changelog.append((key, value))
        if reach <= len(steps):
            return False
        self.changelog += fold.confirmed(flush)
        return True

    def rows(self) -> MeasureRows:
        rows = MeasureRows()
        for key, value in self.changelog:
            rows.apply(key, value)
        return rows

    def figures(self, columns: int = len(COLUMNS)) -> dict[tuple[Any, ...], list[int | None]]:
        """The newest version of each page, added up over pages and layouts by measure."""
        newest: dict[Any, Any] = {}
        for page in map(decode_page, self.cells):
            if page.key not in newest or page.stamp >= newest[page.key].stamp:
                newest[page.key] = page
        total: dict[tuple[Any, ...], list[int | None]] = {}
        for key, page in newest.items():
            for leaf, cell in page.cells.items():
                place = (key.grain, key.start_ms, key.known_ms, leaf)
                base = cell if len(cell) == columns else [value for at, value in enumerate(cell) if at != 5]
                total[place] = (
                    base if place not in total else [*map(_merged, range(columns), total[place], base)]
                )
        return total


def _merged(column: int, one: int | None, two: int | None) -> int | None:
    if one is None or two is None:
        return two if one is None else one
    return {0: min(one, two), 3: max(one, two)}.get(column, one + two)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Record], list[tuple[str, int, int]]]:
    """A log, and what happens to its owners: (what, how many records first, how far the writes get)."""
    log = log_of(draw(st.lists(moves, min_size=1, max_size=40)))
    happening = st.sampled_from(["fold", "flush", "flush", "crash", "zombie", "idle"])
    return log, draw(st.lists(st.tuples(happening, st.integers(1, 9), st.integers(0, 30)), max_size=14))


@dataclass
class Play:
    """Owners one after the other over one log, until all of it is counted and confirmed."""

    log: list[Record]
    broker: Broker = field(default_factory=Broker)
    owners: int = 0
    refused: set[int] = field(default_factory=set)
    fold: SourceFold = field(init=False)
    zombie: SourceFold | None = None

    def __post_init__(self) -> None:
        self.take_over()

    def take_over(self, limits: Limits = LIMITS) -> None:
        rows, self.owners = self.broker.rows(), self.owners + 1
        book = OTHER_LAYOUT if self.changing and self.owners % 2 else CATALOGUE
        # pages are packed as soon as they are quiet by one owner, and by the next the oldest of them only
        limits = limits._replace(loose_pages=self.owners % 2 * 3)
        self.fold = SourceFold.restore(TOPIC, 0, book, f"owner{self.owners}", rows, limits=limits)

    changing: bool = False

    def read(self, count: int | None) -> None:
        """Poll from somewhere before the stamp, as after a crash, so that records come again."""
        after = [at for at, one in enumerate(self.log) if one.offset > self.fold.stamp]
        begin = max(0, (after[0] if after else len(self.log)) - 3)
        end = len(self.log) if count is None else begin + 3 + count
        self.refused |= {refusal.offset for refusal in self.fold.fold(self.log[begin:end])}

    def flush(self, fold: SourceFold, reach: int) -> bool:
        flush = fold.flush()
        return flush is None or self.broker.write(fold, flush, reach)

    def happen(self, what: str, count: int, reach: int) -> None:
        self.read(count)
        if what == "idle":
            self.flush(self.fold, 10**6)
            self.fold.idle(1000)
        elif what == "zombie":
            self.zombie = self.fold
            self.take_over()
        elif what == "crash" or (
            what == "flush" and not self.flush(self.fold, 10**6 if reach > 15 else reach)
        ):
            if what == "crash":
                self.flush(self.fold, reach)
            if self.zombie is not None:
                self.flush(self.zombie, reach)
            self.take_over()

    def finish(self) -> None:
        self.read(None)
        assert self.flush(self.fold, 10**6)


def played(log: list[Record], events: list[tuple[str, int, int]], *, changing: bool = False) -> Play:
    play = Play(log, Broker(any_order=not changing), changing=changing)
    for what, count, reach in events:
        play.happen("crash" if changing and what == "zombie" else what, count, reach)
    play.finish()
    return play


def recount_of(log: list[Record]) -> Recount:
    recount = Recount()
    for one in log:
        recount.add(one)
    return recount


def assert_as_recounted(play: Play, recount: Recount) -> None:
    """Ledger, dead letters and every cell are what a plain recount of the log says."""
    ledger = play.fold.ledger()
    assert ledger.counts.model_dump() == recount.counts
    assert ledger.watermark_ms == recount.watermark
    assert ledger.other == recount.other
    assert play.refused == set(recount.refused)
    assert play.broker.figures() == recount.cells


def pages_of(broker: Broker) -> dict[Any, Any]:
    newest: dict[Any, Any] = {}
    for page in map(decode_page, broker.cells):
        if page.key not in newest or page.stamp >= newest[page.key].stamp:
            newest[page.key] = page
    return {key: (page.first, page.cells) for key, page in newest.items()}


@settings(max_examples=100, deadline=None)
@given(histories())
def test_any_history_of_owners_gives_the_figures_of_a_plain_recount(history: Any) -> None:
    log, events = history
    assert_as_recounted(played(log, events), recount_of(log))


@settings(max_examples=100, deadline=None)
@given(histories())
def test_any_history_of_owners_gives_the_pages_of_one_undisturbed_owner(history: Any) -> None:
    log, events = history
    assert pages_of(played(log, events).broker) == pages_of(played(log, []).broker)


@settings(max_examples=100, deadline=None)
@given(histories())
def test_a_changed_layout_counts_every_event_once_under_one_layout_or_the_other(history: Any) -> None:
    log, events = history
    play, recount = played(log, events, changing=True), recount_of(log)
    assert play.fold.ledger().counts.model_dump() == recount.counts
    assert play.broker.figures() == recount.cells


#: bases that count differently: how late is late, which values count under `other`, what is measured
BASES = ((10_000, 1, ()), (40_000, 2, (Measure(event="order", sum="quantity"),)), (0, 3, ()))
BOOKS = [
    catalogue(*more, limit=limit, **RULES | {"disorder": f"{disorder // 1000}s"})
    for disorder, limit, more in BASES
]


@dataclass
class Turning(Play):
    """Every owner counts on another basis than the one before, once what lies ahead of the ledger is done."""

    #: from which stamp on which basis held
    turns: list[tuple[int, int]] = field(default_factory=list)
    wanted: int = 0

    def take_over(self, limits: Limits = LIMITS) -> None:
        self.wanted = (self.wanted + 1) % len(BOOKS)
        self.begin()

    def begin(self) -> None:
        self.owners += 1
        rows, owner = self.broker.rows(), f"owner{self.owners}"
        self.fold = SourceFold.restore(TOPIC, 0, BOOKS[self.wanted], owner, rows, limits=LIMITS)
        if self.fold.until is None:
            self.turns.append((self.fold.stamp, self.wanted))

    def read(self, count: int | None) -> None:
        while (until := self.fold.until) is not None:
            self.fold.fold([one for one in self.log if one.offset <= until])
            if count is not None and count % 3 == 0:  # it dies over this too, and somebody begins again
                self.flush(self.fold, count)
                count += 1
            else:
                assert self.flush(self.fold, 10**6)
            self.begin()
        super().read(count)


def recount_by_turns(log: list[Record], turns: list[tuple[int, int]]) -> Recount:
    recount = Recount()
    for one in log:
        *_, (_, basis) = [turn for turn in turns if turn[0] < one.offset]
        recount.disorder, limit, _ = BASES[basis]
        recount.limit = 4 * limit
        recount.add(one)
    return recount


@settings(max_examples=100, deadline=None)
@given(histories())
def test_every_event_is_decided_once_whoever_counts_on_whatever_basis(history: Any) -> None:
    log, events = history
    play = Turning(log, Broker(any_order=False))
    for what, count, reach in events:
        play.happen("crash" if what == "zombie" else what, count, reach)
    play.finish()
    assert_as_recounted(play, recount_by_turns(log, play.turns))


@settings(max_examples=60, deadline=None)
@given(histories())
def test_what_is_kept_after_the_last_flush_is_what_may_still_change(history: Any) -> None:
    log, events = history
    play = played(log, events)
    mark = play.fold.ledger().watermark_ms
    kept = [
        page
        for page in play.broker.rows().read().pages()
        if mark is not None and page.key.known_ms + MINUTE <= mark
    ]
    mine = [page for page in kept if play.zombie is None]
    assert mine == []


@settings(max_examples=60, deadline=None)
@given(st.lists(moves, max_size=40), st.integers(2, 4))
def test_pages_of_several_partitions_add_up_to_a_recount_of_each(
    steps: list[dict[str, Any]], several: int
) -> None:
    log = log_of(steps)
    parts = [log[at::several] for at in range(several)]
    total: dict[tuple[Any, ...], list[int | None]] = {}
    merged: dict[tuple[Any, ...], list[int | None]] = {}
    for part in parts:
        for into, cells in ((total, recount_of(part).cells), (merged, played(part, []).broker.figures())):
            for place, cell in cells.items():
                into[place] = cell if place not in into else [*map(_merged, range(6), into[place], cell)]
    assert merged == total


def test_columns_of_the_recount_are_those_of_the_layout() -> None:
    from streams.cells.layout import layout_of

    assert layout_of(CATALOGUE).keys == COLUMNS
    extra = [key for key in layout_of(OTHER_LAYOUT).keys if key not in COLUMNS]
    assert layout_of(OTHER_LAYOUT).keys.index(extra[0]) == 5
