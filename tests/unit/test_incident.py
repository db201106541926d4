"""What a transition or a command makes of an incident."""

import pytest

from schemas.incident import Incident, Reason, incident_id, incident_key
from schemas.records import Acknowledge, Report, Solve
from streams.decisions.incident import (
    HISTORY,
    Change,
    about,
    noted,
    obey,
    open_incident,
    parents_of,
    rank,
    state_word,
    step,
)
from streams.decisions.obligation import start_clocks
from tests.respond_builders import HOUR, MINUTE, T0, catalogue, installation, tiers, transition

EAST = {"region": "East"}


def opened(tier: str = "orange", **changes: object) -> Incident:
    made = open_incident(transition(tier, "yellow"), T0)
    setting = installation()
    entered = next(one for one in tiers() if one.id == tier)
    clocks = start_clocks([], entered, T0, setting.working_hours, setting.time_zone)
    return made.model_copy(update={"obligations": clocks, **changes})


@pytest.mark.parametrize(
    ("tier", "change"),
    [
        ("red", Change.RAISED),
        ("orange", Change.KEPT),
        ("yellow", Change.EASED),
        ("none", Change.RESOLVED),
    ],
)
def test_a_transition_moves_the_incident_to_its_tier(tier: str, change: Change) -> None:
    after, did = step(catalogue(), opened(), transition(tier, "orange", end_ms=T0 + MINUTE), T0 + HOUR)
    assert (did, after.tier, after.is_open) == (change, tier, change is not Change.RESOLVED)
    assert after.history[-1].what == change


def test_an_incident_remembers_the_gravest_tier_it_had() -> None:
    red, _ = step(catalogue(), opened(), transition("red", "orange", end_ms=T0 + 1), T0)
    eased, _ = step(catalogue(), red, transition("yellow", "orange", end_ms=T0 + 2), T0)
    assert (eased.tier, eased.gravest) == ("yellow", "red")


def test_an_end_voids_all_clocks_but_the_report() -> None:
    after, _ = step(catalogue(), opened("red"), transition("none", "blue", end_ms=T0 + 1), T0 + HOUR)
    assert [one.clock for one in after.obligations if one.state == "running"] == ["report"]
    assert after.resolved_ms == T0 + HOUR


@pytest.mark.parametrize(
    ("tier", "expected"), [("none", 0), ("blue", 1), ("red", 4), ("purple", 1)], ids=lambda value: str(value)
)
def test_rank_counts_up_the_ladder(tier: str, expected: int) -> None:
    assert rank(catalogue(), tier) == expected
    assert rank(None, tier) == min(expected, 1)


def test_acknowledging_stops_its_clock_and_leaves_the_escalation_running() -> None:
    after, reason = obey(opened("red"), Acknowledge(incident="x", by="li", note="on it"), T0 + MINUTE)
    states = {one.clock: one.state for one in after.obligations}
    assert reason is None
    assert states == {"acknowledge": "met", "escalate": "running", "solve": "running", "report": "running"}
    assert (after.acknowledged.by, after.acknowledged.note, after.history[-1].text) == (
        "li",
        "on it",
        "li: on it",
    )


def test_solving_stops_three_clocks_and_counts_as_acknowledging() -> None:
    after, _ = obey(opened("red"), Solve(incident="x", by="li"), T0 + MINUTE)
    assert {one.clock for one in after.obligations if one.state == "met"} == {
        "acknowledge",
        "escalate",
        "solve",
    }
    assert after.acknowledged == after.solved


def test_solving_keeps_who_acknowledged_before() -> None:
    first, _ = obey(opened("red"), Acknowledge(incident="x", by="li"), T0)
    after, _ = obey(first, Solve(incident="x", by="wang"), T0 + MINUTE)
    assert (after.acknowledged.by, after.solved.by) == ("li", "wang")


def test_a_command_given_twice_changes_nothing() -> None:
    once, _ = obey(opened("red"), Acknowledge(incident="x", by="li"), T0)
    twice, reason = obey(once, Acknowledge(incident="x", by="wang"), T0 + 1)
    assert (twice, reason) == (once, Reason.ALREADY_DONE)


@pytest.mark.parametrize("overdue", [False, True], ids=["clock runs", "clock was missed"])
def test_a_graver_tier_can_be_acknowledged_again(overdue: bool) -> None:
    once, _ = obey(opened("orange"), Acknowledge(incident="x", by="li"), T0)
    setting = installation()
    clocks = start_clocks(once.obligations, tiers()[3], T0 + MINUTE, setting.working_hours, setting.time_zone)
    if overdue:
        clocks = [
            one.model_copy(update={"state": "overdue"}) if one.state == "running" else one for one in clocks
        ]
    again, reason = obey(
        once.model_copy(update={"obligations": clocks}), Acknowledge(incident="x", by="wang"), T0 + 2 * MINUTE
    )
    assert reason is None
    assert again.acknowledged.by == "wang"


def test_a_missed_deadline_can_still_be_acknowledged() -> None:
    late = [one.model_copy(update={"state": "overdue"}) for one in opened("red").obligations]
    after, reason = obey(opened("red", obligations=late), Acknowledge(incident="x", by="li"), T0 + HOUR)
    assert reason is None
    assert after.acknowledged is not None


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Acknowledge(incident="x", by="li"), Reason.ALREADY_DONE),
        (Solve(incident="x", by="li"), Reason.ALREADY_DONE),
        (Report(incident="x", by="li"), None),
    ],
    ids=["acknowledge", "solve", "report"],
)
def test_of_what_is_over_only_the_report_is_taken(command: object, reason: Reason | None) -> None:
    over, _ = step(catalogue(), opened("red"), transition("none", "blue", end_ms=T0 + 1), T0 + 1)
    assert obey(over, command, T0 + 2)[1] is reason


def test_history_keeps_its_first_line_and_the_newest() -> None:
    incident = opened()
    for index in range(HISTORY + 5):
        incident = noted(incident, T0, f"line {index}")
    assert len(incident.history) == HISTORY
    assert (incident.history[0].what, incident.history[-1].what) == ("opened", f"line {HISTORY + 4}")


def test_parents_are_the_open_incidents_around_narrowest_first() -> None:
    def at(scope: dict, **changes: object) -> Incident:
        return open_incident(transition("red", "orange", scope=scope), T0).model_copy(update=changes)

    child = at({**EAST, "product_line": "bikes"})
    company, east = at({}), at(EAST)
    others = [company, east, child, at({"region": "West"}), at(EAST, resolved_ms=T0), at(EAST, rule="other")]
    assert parents_of(child, others) == [east, company]
    assert parents_of(company, others) == []
    assert parents_of(at({**EAST, "channel": "web"}, subject="self"), others) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "open"),
        ({"acknowledged": {"at_ms": 1, "by": "li"}}, "acknowledged"),
        ({"solved": {"at_ms": 1, "by": "li"}}, "solved"),
        ({"resolved_ms": 1, "solved": {"at_ms": 1, "by": "li"}}, "resolved"),
    ],
)
def test_the_state_of_an_incident_is_one_word(changes: dict, word: str) -> None:
    assert state_word(Incident.model_validate({**opened().model_dump(), **changes})) == word


def test_a_notice_is_about_what_happened() -> None:
    own = opened().model_copy(update={"rule": "planwatch_lag"})
    assert [about(opened(), one) for one in (Change.OPENED, Change.RESOLVED)] == ["transition", "resolved"]
    assert [about(own, one) for one in (Change.OPENED, Change.RESOLVED)] == ["self_alert", "resolved"]


def test_incident_ids_differ_by_scope_and_begin_and_can_be_typed() -> None:
    keys = [incident_key("a_rule", scope) for scope in ({}, EAST, {"region": "West"})]
    ids = {incident_id(key, end) for key in keys for end in (T0, T0 + 1)}
    assert len(ids) == 6
    assert all(one.replace("-", "").isalnum() and one.islower() for one in ids)
