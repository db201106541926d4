"""Time of an evaluation never goes back, whatever a new catalogue does to clocks that are running."""

from collections.abc import Iterator
from typing import Any

from schemas.records import CatalogueRecord
from streams.engine.evaluate import Evaluation, Outcome
from tests.evaluate_builders import (
    HOUR,
    MINUTE,
    MONDAY,
    CellsLog,
    catalogue,
    constant,
    restart,
    rule,
    run,
    rung,
)

T = MONDAY + 9 * HOUR
WINDOW = rule("low", window="5m", expect=constant(10))


def quiet(after: str) -> dict[str, Any]:
    """A rule that tells at once of a region that sends nothing for so long."""
    ladder = {"red": rung(-1, 0)}
    return rule("silent", window="5m", ladder=ladder, quiet={"after": after, "tier": "red"})


class Play:
    """A log in which West sends an order each minute and East fell silent after ten."""

    def __init__(self, *rules: dict[str, Any]) -> None:
        self.log, self.fold = CellsLog(catalogue(rules)), Evaluation("test")
        self.outcomes = run(self.log.records, self.fold)

    def minutes(self, begin: int, end: int) -> Iterator[Outcome]:
        """What these minutes bring."""
        first = len(self.log.records)
        for minute in range(begin, end):
            cells = {("West", "web"): {"order.count": 100 + minute}}
            if minute < 10:
                cells[("East", "web")] = {"order.count": 1000}
            self.log.add(cells, T + minute * MINUTE)
            self.log.reach(T + (minute + 1) * MINUTE)
        yield from run(self.log.records[first:], self.fold)

    def succeed(self, *rules: dict[str, Any]) -> None:
        """Another catalogue comes into force."""
        record = CatalogueRecord(catalogue=catalogue(rules))
        self.log.put(record.model_dump_json(by_alias=True).encode())
        run(self.log.records[-1:], self.fold)

    def is_as_restored(self) -> bool:
        """Whether the sums that were kept equal those that are made anew from the panes."""
        rows, commit = self.fold.commit()
        return set(restart([*rows, commit]).figures_now()) == set(self.fold.figures_now())


def ends_of(outcomes: Iterator[Outcome]) -> list[int]:
    return [(outcome.end_ms - T) // MINUTE for outcome in outcomes]


def test_silence_that_a_new_catalogue_calls_too_long_is_told_at_the_next_pane_end() -> None:
    play = Play(quiet("30m"), WINDOW)
    assert list(play.minutes(0, 30))
    play.succeed(quiet("5m"), WINDOW)
    outcomes = list(play.minutes(30, 40))
    ends = ends_of(iter(outcomes))
    assert ends == sorted(ends)
    assert ends[0] == 31
    told = [
        (t.scope, (t.end_ms - T) // MINUTE) for o in outcomes for t in o.transitions if t.rule == "silent"
    ]
    assert told == [({"region": "East"}, 31)]
    assert play.is_as_restored()


def test_clocks_of_a_rule_that_was_set_aside_for_long_do_not_turn_time_back() -> None:
    play = Play(quiet("15m"))
    assert list(play.minutes(0, 10))
    closing = play.fold._state.closing
    assert closing is not None
    closing.set_aside("rule", "silent", "raised")
    assert list(play.minutes(10, 40))
    play.succeed(quiet("15m"), WINDOW)
    ends = ends_of(play.minutes(40, 50))
    assert ends == sorted(ends)
    assert ends[0] == 41
    assert play.is_as_restored()
