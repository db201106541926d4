"""The demonstration's scenario and what is told of it."""

from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from schemas.period import HOUR_MS, MINUTE_MS
from schemas.records import Transition
from streams.catalogue import default_folder, load_catalogue
from streams.demo.scenario import history, play, timeline
from streams.demo.story import Story
from streams.demo.view import draw, sparkline

DAY = timeline(1_773_108_000_000)


def moved(tier: str, previous: str, end_ms: int = DAY.end, seq: int = 0) -> Transition:
    return Transition(
        rule="orders_down_this_hour", scope={"region": "East"}, tier=tier, previous=previous, cause="worse",
        end_ms=end_ms, seq=seq, kpi="orders", window="1h", value=1.0, expected=2.0, departure=0.5,
        threshold=0.6, since_ms=0, catalogue="v",
    )  # fmt: skip


def test_the_scenario_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    first, again, other = (list(play(DAY, seed, DAY.begin, DAY.play)) for seed in (1, 1, 2))
    assert first == again != other


def test_the_scenario_does_not_depend_on_how_it_is_cut() -> None:
    whole = list(play(DAY, 1, DAY.play, DAY.play + HOUR_MS))
    middle = DAY.play + 17 * MINUTE_MS + 23_456
    cut = [*play(DAY, 1, DAY.play, middle), *play(DAY, 1, middle, DAY.play + HOUR_MS)]
    assert [one.event["event_id"] for one in whole] == [one.event["event_id"] for one in cut]


def test_only_the_east_falls_and_recovers() -> None:
    def orders(start: int, stop: int) -> Counter[str]:
        kinds = (one.event for one in play(DAY, 3, start, stop) if one.event["kind"] == "order")
        return Counter(event["dimensions"]["region"] for event in kinds)

    before, during = orders(DAY.begin, DAY.begin + HOUR_MS), orders(DAY.fall, DAY.fall + HOUR_MS)
    after = orders(DAY.recover, DAY.recover + HOUR_MS)
    assert during["East"] < 0.2 * before["East"] == 0.2 * after["East"]
    assert during["West"] == before["West"]


def test_history_is_a_week_earlier_and_well() -> None:
    events = list(history(DAY, 1))
    assert max(one.at_ms for one in events) < DAY.begin
    east = [
        one for one in events if one.event["kind"] == "order" and one.event["dimensions"]["region"] == "East"
    ]
    assert len(east) == 8 * (DAY.end - DAY.begin) // MINUTE_MS


def test_every_event_of_the_scenario_has_an_id_of_its_own() -> None:
    ids = Counter(one.event["event_id"] for one in [*history(DAY, 1), *play(DAY, 1, DAY.begin, DAY.end)])
    assert max(ids.values()) == 1


def test_a_story_is_told_when_the_top_was_reached_and_left_down_to_none() -> None:
    story = Story(top="red")
    for seq, (tier, previous) in enumerate([("yellow", "none"), ("red", "yellow"), ("yellow", "red")]):
        story.see_transition(moved(tier, previous, seq=seq))
        assert not story.told
    story.see_transition(moved("none", "yellow", seq=9))
    assert story.told


def test_a_story_that_never_reached_the_top_is_not_told() -> None:
    story = Story(top="red")
    story.see_transition(moved("yellow", "none", seq=0))
    story.see_transition(moved("none", "yellow", seq=1))
    assert not story.told


def test_a_transition_seen_again_or_from_before_changes_nothing() -> None:
    story = Story(top="red", begin_ms=DAY.play)
    story.see_transition(moved("red", "none", end_ms=DAY.play - 1))
    assert story.open_tiers() == []
    story.see_transition(moved("red", "none"))
    story.see_transition(moved("none", "red", seq=1))
    story.see_transition(moved("red", "none"))
    assert story.open_tiers() == []


@pytest.mark.parametrize(
    ("values", "curve"), [([], ""), ([5, 5], "▁▁"), ([0, 7], "▁█"), ([7, 0, 3.5], "█▁▅")], ids=str
)
def test_a_curve_runs_from_lowest_to_highest(values: list[float], curve: str) -> None:
    assert sparkline(values) == curve


def test_the_picture_shows_figures_tiers_and_what_was_said() -> None:
    story = Story(top="red")
    figure = {"kpi": "revenue", "window": "1h", "scope": [["region", "East"]], "value": 1234.5}
    story.see_figures([figure], DAY.end)
    story.see_figures([{**figure, "value": 0.0}], DAY.end)
    story.see_transition(moved("red", "none"))
    story.see_notice_line("a card")
    console = Console(width=120, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(draw(story, load_catalogue(default_folder()), ZoneInfo("Asia/Shanghai"), ["http://x"]))
    shown = captured.get()
    assert "1,234.50" in shown
    assert "region=East" in shown
    assert "a card" in shown
    assert "none → red" in shown
