"""Stage three as a fold: what each record of the inbox leads to, and the reason where it is nothing."""

import pytest

from schemas.errors import StateError
from schemas.incident import Reason
from schemas.records import (
    Acknowledge,
    CatalogueRecord,
    Receipt,
    Report,
    SelfAlert,
    Silence,
    Solve,
    Tick,
)
from schemas.route import Route
from streams.engine.respond import Response
from streams.engine.respond_state import ResponseState
from streams.engine.respond_turn import KEEP_CLOSED, KEEP_MS
from streams.engine.rows import VersionedRows
from tests.respond_builders import (
    HOUR,
    MINUTE,
    T0,
    Inbox,
    catalogue,
    climb,
    fall,
    installation,
    transition,
)

EAST = {"region": "East"}
BIKES = {"region": "East", "product_line": "bikes"}
DUTY = Route(id="duty", tiers=["yellow", "orange", "red"], people=["li"], channels=["mail"])


def red(**changes: object) -> Inbox:
    """An inbox in which red was just told to Li."""
    inbox = Inbox(catalogue(**changes)).add(*climb("red"))
    inbox.notices()
    return inbox


# --- transitions ---------------------------------------------------------------------


def test_a_climb_within_one_pane_is_told_once_at_its_highest_rung() -> None:
    inbox = Inbox().add(*climb("red"))
    assert inbox.told() == [("li", "transition", "red")]
    assert inbox.count(Reason.SUPERSEDED) == 2
    assert [one.tier for one in inbox.response.incidents()] == ["red"]


def test_rungs_of_different_panes_are_told_each() -> None:
    inbox = Inbox()
    for minute, (tier, before) in enumerate([("blue", "none"), ("yellow", "blue"), ("orange", "yellow")]):
        inbox.add(transition(tier, before, end_ms=T0 + minute * MINUTE), at_ms=T0 + minute * MINUTE)
    assert inbox.told() == [("li", "transition", "yellow"), ("li", "transition", "orange")]


def test_a_tier_without_a_route_is_recorded_with_its_reason() -> None:
    inbox = Inbox().add(*climb("blue"))
    assert inbox.told() == []
    assert inbox.response.incidents()[0].untold is Reason.NO_ROUTE


def test_a_repeated_transition_changes_nothing() -> None:
    inbox = red()
    before = inbox.response.incidents()
    inbox.add(*climb("red"))
    assert inbox.told() == []
    assert inbox.response.incidents() == before
    assert inbox.count(Reason.REPEATED) == 4


def test_back_to_none_resolves_and_tells_who_knew() -> None:
    inbox = red().add(*fall("red", end_ms=T0 + MINUTE), at_ms=T0 + MINUTE)
    assert inbox.told() == [("li", "resolved", "red")]
    assert not inbox.response.incidents()[0].is_open


def test_easing_is_told_to_who_knew() -> None:
    inbox = red().add(transition("orange", "red", end_ms=T0 + MINUTE), at_ms=T0 + MINUTE)
    assert inbox.told() == [("li", "transition", "orange")]


def test_an_end_that_nobody_waits_for_is_not_told() -> None:
    inbox = Inbox().add(*climb("blue"), *fall("blue", end_ms=T0 + MINUTE))
    assert inbox.told() == []
    assert inbox.count(Reason.NEVER_TOLD) == 1


def test_none_without_an_open_incident_is_counted() -> None:
    inbox = Inbox().add(transition("none", "blue"))
    assert inbox.count(Reason.NOT_OPEN) == 1
    assert inbox.response.incidents() == []


def test_an_incident_after_the_end_of_one_is_another() -> None:
    inbox = red().add(*fall("red", end_ms=T0 + MINUTE), *climb("red", end_ms=T0 + HOUR))
    assert len({one.id for one in inbox.response.incidents()}) == 2


def test_a_transition_to_the_tier_it_is_at_keeps_the_incident() -> None:
    inbox = red().add(transition("red", "orange", end_ms=T0 + MINUTE, value=1.0), at_ms=T0 + MINUTE)
    assert inbox.told() == []
    assert inbox.response.incidents()[0].last.value == 1.0


def test_a_record_that_cannot_be_read_is_counted_and_stops_nothing() -> None:
    inbox = Inbox()
    for value in (b"not json", b'{"type": "unheard of"}', None, b"\xff\xfe"):
        inbox.response.fold(inbox.response.version + 1, T0, value)
    assert inbox.count(Reason.UNREADABLE) == 4
    assert inbox.response.version == 4


def test_a_record_at_or_before_the_version_is_skipped() -> None:
    inbox = red()
    inbox.response.fold(1, T0, b"not json")
    assert inbox.count(Reason.UNREADABLE) == 0


# --- what is withheld ----------------------------------------------------------------


@pytest.mark.parametrize("silent", [True, False], ids=["the rule", "the installation"])
def test_shadow_is_recorded_and_not_sent(silent: bool) -> None:
    inbox = Inbox(catalogue(installation=installation(live=silent)))
    inbox.add(*[one.model_copy(update={"silent": silent}) for one in climb("red")], at_ms=T0)
    assert inbox.told() == []
    incident = inbox.response.incidents()[0]
    assert (incident.untold, incident.obligations) == (Reason.SHADOW, [])


def test_a_backfill_of_last_year_is_recorded_and_tells_nobody() -> None:
    inbox = Inbox()
    for day in range(30):
        end_ms = T0 - 365 * 24 * HOUR + day * 24 * HOUR
        inbox.add(*climb("red", end_ms=end_ms), *fall("red", end_ms=end_ms + HOUR), at_ms=T0 + day)
    inbox.add(Tick(), at_ms=T0 + 48 * HOUR)
    assert inbox.told() == []
    assert len(inbox.response.incidents()) == 30
    assert inbox.count(Reason.STALE) == 30 * 4


def test_an_end_is_told_however_late_it_arrives() -> None:
    inbox = red().add(*fall("red", end_ms=T0 + MINUTE), at_ms=T0 + 5 * HOUR)
    assert ("li", "resolved", "red") in inbox.told()


def test_what_was_stale_is_told_when_judging_has_come_near_the_present() -> None:
    inbox = Inbox().add(*climb("red", end_ms=T0 - 5 * HOUR), at_ms=T0)
    inbox.add(Tick(frontier_ms=T0 - 2 * HOUR), at_ms=T0 + 1000)
    inbox.add(Tick(), at_ms=T0 + 10_000)
    assert inbox.told() == []
    inbox.add(Tick(frontier_ms=T0), at_ms=T0 + 20_000).add(Tick(), at_ms=T0 + 21_000)
    assert inbox.told() == []
    inbox.add(Tick(), at_ms=T0 + 22_000)
    assert inbox.told() == [("li", "transition", "red")]
    assert (
        inbox.add(Tick(frontier_ms=T0 + MINUTE), at_ms=T0 + 80_000).add(Tick(), at_ms=T0 + 90_000).told()
        == []
    )


def test_what_was_stale_and_is_over_by_then_is_never_told() -> None:
    inbox = Inbox().add(*climb("red", end_ms=T0 - 5 * HOUR), *fall("red", end_ms=T0 - 4 * HOUR), at_ms=T0)
    inbox.add(Tick(frontier_ms=T0)).add(Tick(), at_ms=T0 + MINUTE)
    assert inbox.told() == []


def test_a_silenced_incident_is_told_when_the_silence_ends() -> None:
    silence = Silence(id="s", scope=EAST, until_ms=T0 + HOUR, by="li")
    inbox = Inbox().add(silence, *climb("red", scope=EAST))
    assert inbox.told() == []
    assert inbox.response.incidents()[0].untold is Reason.SILENCED
    inbox.add(Tick(), at_ms=T0 + HOUR - 1)
    assert inbox.told() == []
    inbox.add(Tick(), at_ms=T0 + HOUR)
    assert inbox.told() == [("li", "transition", "red")]
    assert inbox.response.incidents()[0].obligations[0].due_ms == T0 + HOUR + 30 * MINUTE


def test_a_silence_can_be_ended_and_replaced() -> None:
    inbox = Inbox().add(Silence(id="s", until_ms=T0 + HOUR, by="li"), *climb("red"))
    inbox.add(Silence(id="s", until_ms=T0 + 2 * HOUR, by="li")).add(Tick(), at_ms=T0 + HOUR)
    assert inbox.told() == []
    inbox.add(Silence(id="s", until_ms=0, by="li")).add(Tick(), at_ms=T0 + HOUR + 1)
    assert inbox.told() == [("li", "transition", "red")]


def test_an_ended_silence_under_another_one_tells_nothing() -> None:
    inbox = Inbox().add(
        Silence(id="a", until_ms=T0 + HOUR, by="li"), Silence(id="b", until_ms=T0 + 9 * HOUR, by="li")
    )
    inbox.add(*climb("red")).add(Tick(), at_ms=T0 + HOUR)
    assert inbox.told() == []


def test_ending_an_unknown_silence_changes_nothing() -> None:
    inbox = red().add(Silence(id="nobody", until_ms=0, by="li")).add(Tick(), at_ms=T0 + 1)
    assert inbox.told() == []


def test_a_silence_holds_back_missed_deadlines_and_the_end_too() -> None:
    inbox = red().add(Silence(id="s", until_ms=T0 + 9 * HOUR, by="li")).add(Tick(), at_ms=T0 + HOUR)
    inbox.add(transition("orange", "red", end_ms=T0 + HOUR))
    inbox.add(*fall("orange", end_ms=T0 + 2 * HOUR), at_ms=T0 + 2 * HOUR)
    assert inbox.told() == []
    assert inbox.count(Reason.SILENCED) >= 3


def test_a_full_outbox_keeps_its_last_places_for_the_gravest_tier() -> None:
    inbox = Inbox(outbox=10)
    assert not inbox.response.full
    inbox.add(*(one for i in range(12) for one in climb("orange", scope={"region": f"r{i}"})))
    assert len(inbox.response.pending()) == 9
    assert inbox.response.full
    inbox.add(*(one for i in range(3) for one in climb("red", scope={"region": f"g{i}"})))
    assert [one.tier for one in inbox.response.pending()][9:] == ["red"]
    assert inbox.count(Reason.OUTBOX_FULL) > 0


# --- parents and children ------------------------------------------------------------


def test_a_child_is_not_told_to_who_knows_of_its_parent() -> None:
    inbox = Inbox().add(*climb("red"), *climb("orange", scope=EAST))
    assert inbox.told() == [("li", "transition", "red")]
    company, east = sorted(inbox.response.incidents(), key=lambda one: len(one.scope))
    assert (east.parent, east.untold, east.obligations) == (company.id, Reason.JOINED, [])


def test_a_child_that_is_graver_is_told() -> None:
    inbox = Inbox().add(*climb("orange"), *climb("red", scope=EAST))
    assert inbox.told() == [("li", "transition", "orange"), ("li", "transition", "red")]


def test_a_child_is_told_to_who_does_not_know_of_its_parent() -> None:
    routes = [DUTY, Route(id="east", tiers=["red"], scope=EAST, people=["east"], channels=["mail"])]
    inbox = Inbox(catalogue(routes=routes)).add(*climb("red"), *climb("red", scope=EAST))
    assert inbox.told() == [("li", "transition", "red"), ("east", "transition", "red")]


def test_a_parent_that_follows_in_the_same_pane_takes_its_child_in() -> None:
    inbox = Inbox().add(*climb("red", scope=EAST), *climb("red"))
    notices = inbox.notices()
    assert [one.person for one in notices] == ["li"]
    assert ("Inside it" in dict(notices[0].facts.lines)) or ("包含" in dict(notices[0].facts.lines))
    east = next(one for one in inbox.response.incidents() if one.scope == EAST)
    assert (east.told, east.untold) == ([], Reason.JOINED)
    assert {one.state for one in east.obligations} == {"void"}


def test_a_parent_takes_in_a_child_for_those_who_know_and_leaves_it_to_the_others() -> None:
    routes = [DUTY, Route(id="east", tiers=["red"], scope=EAST, people=["east"], channels=["mail"])]
    inbox = Inbox(catalogue(routes=routes)).add(*climb("red", scope=EAST), *climb("red"))
    assert inbox.told() == [("east", "transition", "red"), ("li", "transition", "red")]
    east = next(one for one in inbox.response.incidents() if one.scope == EAST)
    assert {one.state for one in east.obligations if one.tier == "red"} == {"running"}


def test_a_parent_has_nothing_to_take_in_of_a_child_that_nobody_was_told_of() -> None:
    inbox = Inbox().add(*climb("blue", scope=EAST), *climb("red"))
    assert inbox.told() == [("li", "transition", "red")]


def test_a_graver_or_older_child_is_not_taken_in() -> None:
    inbox = Inbox().add(*climb("red", scope=EAST), *climb("orange", end_ms=T0 + MINUTE))
    assert [tier for _, _, tier in inbox.told()] == ["red", "orange"]


def test_a_child_speaks_for_itself_after_its_parent_has_ended() -> None:
    inbox = Inbox().add(*climb("red"), *climb("red", scope=EAST))
    inbox.notices()
    inbox.add(*fall("red", end_ms=T0 + MINUTE), at_ms=T0 + MINUTE)
    assert [about for _, about, _ in inbox.told()] == ["resolved"]
    inbox.add(Tick(), at_ms=T0 + MINUTE + 2000)
    notices = inbox.notices()
    assert [one.about for one in notices] == ["transition"]
    assert "East" in notices[0].facts.title


def test_a_child_that_eased_meanwhile_speaks_for_itself_at_the_tier_it_is_at() -> None:
    inbox = Inbox().add(*climb("red"), *climb("red", scope=EAST))
    inbox.add(transition("orange", "red", scope=EAST, end_ms=T0 + 1))
    inbox.notices()
    inbox.add(*fall("red", end_ms=T0 + MINUTE), at_ms=T0 + MINUTE).add(Tick(), at_ms=T0 + 2 * MINUTE)
    assert ("li", "transition", "orange") in inbox.told()


def test_a_child_that_ends_with_its_parent_is_not_told() -> None:
    inbox = Inbox().add(*climb("red"), *climb("red", scope=EAST))
    inbox.notices()
    inbox.add(
        *fall("red", end_ms=T0 + MINUTE), *fall("red", end_ms=T0 + MINUTE, scope=EAST), at_ms=T0 + MINUTE
    )
    inbox.add(Tick(), at_ms=T0 + MINUTE + 5000)
    assert [about for _, about, _ in inbox.told()] == ["resolved"]


def test_a_raise_before_the_settling_time_ends_is_told_once() -> None:
    inbox = Inbox().add(*climb("orange"), *climb("orange", scope=EAST))
    inbox.notices()
    inbox.add(*fall("orange", end_ms=T0 + HOUR), at_ms=T0 + HOUR)
    inbox.add(transition("red", "orange", scope=EAST, end_ms=T0 + HOUR)).add(Tick(), at_ms=T0 + 2 * HOUR)
    assert [one for one in inbox.told() if one[1] == "transition"] == [("li", "transition", "red")]


def test_a_grandchild_knows_all_who_were_told_above_it() -> None:
    inbox = Inbox().add(*climb("red"), *climb("red", scope=EAST), *climb("red", scope=BIKES))
    assert inbox.told() == [("li", "transition", "red")]
    bikes = next(one for one in inbox.response.incidents() if one.scope == BIKES)
    east = next(one for one in inbox.response.incidents() if one.scope == EAST)
    assert bikes.parent == east.id


# --- deadlines -----------------------------------------------------------------------


def test_a_missed_deadline_goes_to_the_next_level_once() -> None:
    inbox = red().add(Tick(), at_ms=T0 + 30 * MINUTE - 1)
    assert inbox.told() == []
    inbox.add(Tick(), at_ms=T0 + 30 * MINUTE)
    assert inbox.told() == [("zhang", "due", "red")]
    inbox.add(*[Tick()] * 3, at_ms=T0 + 31 * MINUTE)
    assert inbox.told() == []


def test_each_missed_deadline_climbs_one_level_and_stays_at_the_top() -> None:
    inbox = red().add(Tick(), at_ms=T0 + 49 * HOUR)
    assert [person for person, _, _ in inbox.told()] == ["zhang", "wang", "wang", "wang"]


def test_an_acknowledged_incident_is_still_escalated_when_it_is_not_under_control() -> None:
    inbox = red()
    name = inbox.response.incidents()[0].id
    inbox.add(Acknowledge(incident=name, by="li")).add(Tick(), at_ms=T0 + HOUR)
    assert inbox.told() == []
    inbox.add(Tick(), at_ms=T0 + 2 * HOUR)
    assert inbox.told() == [("zhang", "due", "red")]


def test_a_solved_incident_still_owes_its_report() -> None:
    inbox = red()
    name = inbox.response.incidents()[0].id
    inbox.add(Solve(incident=name, by="li")).add(Tick(), at_ms=T0 + 47 * HOUR)
    assert inbox.told() == []
    inbox.add(Tick(), at_ms=T0 + 48 * HOUR)
    assert inbox.told() == [("zhang", "due", "red")]


def test_a_report_that_was_handed_in_is_not_asked_for_after_the_end() -> None:
    inbox = red().add(*fall("red", end_ms=T0 + HOUR), at_ms=T0 + HOUR)
    inbox.notices()
    inbox.add(Report(incident=inbox.response.incidents()[0].id, by="li")).add(Tick(), at_ms=T0 + 90 * HOUR)
    assert inbox.told() == []


def test_a_report_is_owed_after_the_end() -> None:
    inbox = red().add(*fall("red", end_ms=T0 + MINUTE), at_ms=T0 + MINUTE)
    inbox.notices()
    assert inbox.add(Tick(), at_ms=T0 + 48 * HOUR).told() == [("zhang", "due", "red")]


def test_a_missed_deadline_is_told_to_nobody_where_nobody_is_left() -> None:
    inbox = red()
    inbox.add(CatalogueRecord(catalogue=catalogue(people={}, routes=[]))).add(Tick(), at_ms=T0 + HOUR)
    assert inbox.told() == []


def test_who_was_told_of_a_missed_deadline_hears_of_the_end() -> None:
    inbox = red().add(Tick(), at_ms=T0 + 30 * MINUTE)
    inbox.notices()
    inbox.add(*fall("red", end_ms=T0 + HOUR), at_ms=T0 + HOUR)
    assert [person for person, about, _ in inbox.told() if about == "resolved"] == ["li", "zhang"]


def test_any_record_of_a_worker_lets_time_pass_and_a_command_does_not() -> None:
    inbox = red().add(Acknowledge(incident="nobody", by="li"), at_ms=T0 + 90 * HOUR)
    assert (inbox.told(), inbox.response.now_ms) == ([], T0)
    inbox.add(Receipt(notice="nothing", outcome="sent"), at_ms=T0 + 30 * MINUTE)
    assert inbox.told() == [("zhang", "due", "red")]


def test_time_never_runs_backwards() -> None:
    inbox = red().add(Tick(), at_ms=T0 + HOUR).add(Tick(), at_ms=T0)
    assert inbox.response.now_ms == T0 + HOUR


# --- commands and receipts -----------------------------------------------------------


def test_a_command_finds_its_incident_by_the_last_part_of_the_id() -> None:
    inbox = red()
    incident = inbox.response.incidents()[0]
    inbox.add(Acknowledge(incident=incident.id.rpartition("-")[2], by="li"))
    assert inbox.response.incidents()[0].acknowledged.by == "li"


@pytest.mark.parametrize("name", ["nobody", "", "down"])
def test_a_command_for_an_unknown_incident_is_counted(name: str) -> None:
    inbox = red().add(Acknowledge(incident=name, by="li"))
    assert inbox.count(Reason.UNKNOWN_INCIDENT) == 1


def test_a_command_given_twice_is_counted() -> None:
    inbox = red()
    name = inbox.response.incidents()[0].id
    inbox.add(Acknowledge(incident=name, by="li"), Acknowledge(incident=name, by="wang"))
    assert inbox.count(Reason.ALREADY_DONE) == 1
    assert inbox.response.incidents()[0].acknowledged.by == "li"


def test_a_notice_waits_until_its_receipt() -> None:
    inbox = Inbox().add(*climb("red"))
    [notice] = inbox.notices()
    assert inbox.response.pending() == [notice]
    inbox.add(Receipt(notice=notice.id, outcome="sent"))
    assert inbox.response.pending() == []
    assert inbox.count("receipt_sent") == 1


@pytest.mark.parametrize("outcome", ["failed", "dropped"])
def test_a_notice_that_did_not_arrive_stands_in_the_history(outcome: str) -> None:
    inbox = Inbox().add(*climb("red"))
    [notice] = inbox.notices()
    inbox.add(Receipt(notice=notice.id, outcome=outcome, detail="no such user"))
    assert inbox.response.incidents()[0].history[-1].text == "li (mail): no such user"
    assert inbox.count(f"receipt_{outcome}") == 1


def test_a_receipt_for_what_does_not_wait_is_counted() -> None:
    assert Inbox().add(Receipt(notice="x", outcome="sent")).count(Reason.UNKNOWN_NOTICE) == 1


# --- Planwatch about itself ----------------------------------------------------------


def alert(on: bool = True, tier: str = "orange", **changes: object) -> SelfAlert:
    parts = {
        "what": "exporter_behind",
        "subject": "influx",
        "on": on,
        "tier": tier,
        "text": "5 minutes",
        "at_ms": T0,
    }
    return SelfAlert.model_validate({**parts, **changes})


def test_an_alert_of_planwatch_about_itself_is_an_incident_with_its_subject() -> None:
    inbox = Inbox().add(alert(), alert(subject="prometheus"))
    assert inbox.told() == [("li", "self_alert", "orange")] * 2
    incident = inbox.response.incidents()[0]
    assert (incident.rule, incident.text) == ("planwatch_exporter_behind", "5 minutes")


def test_a_repeated_alert_changes_nothing_and_its_end_resolves() -> None:
    inbox = Inbox().add(alert())
    inbox.notices()
    assert inbox.add(alert()).told() == []
    assert inbox.count(Reason.REPEATED) == 1
    assert inbox.add(alert(on=False)).told() == [("li", "resolved", "orange")]
    assert inbox.add(alert(on=False)).count(Reason.NOT_OPEN) == 1


def test_an_alert_of_a_graver_tier_raises_the_incident() -> None:
    inbox = Inbox().add(alert()).add(alert(tier="red", at_ms=T0 + MINUTE))
    assert [tier for _, _, tier in inbox.told()] == ["orange", "red"]


def test_an_alert_is_told_however_old_and_reaches_routes_of_the_whole_company_only() -> None:
    routes = [DUTY, Route(id="east", tiers=["orange"], scope=EAST, people=["east"], channels=["mail"])]
    inbox = Inbox(catalogue(routes=routes)).add(alert(), at_ms=T0 + 5 * HOUR)
    assert inbox.told() == [("li", "self_alert", "orange")]


def test_a_long_name_of_an_alert_is_cut_to_a_rule_name() -> None:
    assert len(Inbox().add(alert(what="x" * 64)).response.incidents()[0].rule) == 64


def broken_rule(monkeypatch: pytest.MonkeyPatch, broken: set[str]) -> None:
    from streams.engine import respond_tell

    true = respond_tell.compose

    def compose(view: object, language: str) -> object:
        if view.incident.rule in broken:
            raise ZeroDivisionError("no such figure")
        return true(view, language)

    monkeypatch.setattr(respond_tell, "compose", compose)


def test_a_card_that_raises_is_replaced_by_a_plain_one_and_alerted_until_it_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = {"revenue_down"}
    broken_rule(monkeypatch, broken)
    inbox = Inbox().add(*climb("red"))
    notices = inbox.notices()
    plain = notices[-1]
    assert (plain.about, plain.facts.title) == ("transition", "red: revenue_down")
    assert "planwatch incidents show" in str(plain.facts.lines)
    own = [one for one in inbox.response.incidents() if one.rule == "planwatch_card_failed"]
    assert [(one.subject, one.is_open) for one in own] == [("revenue_down", True)]
    assert inbox.count(Reason.CARD_FAILED) > 0
    broken.clear()
    inbox.add(*fall("red", end_ms=T0 + HOUR), at_ms=T0 + HOUR)
    own = [one for one in inbox.response.incidents() if one.rule == "planwatch_card_failed"]
    assert [one.is_open for one in own] == [False]


def test_a_card_of_planwatch_about_itself_that_raises_raises_no_further_alert(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken_rule(monkeypatch, {"revenue_down", "planwatch_card_failed", "planwatch_exporter_behind"})
    inbox = Inbox().add(alert(), *climb("red")).add(Tick(), at_ms=T0 + HOUR)
    assert {one.rule for one in inbox.response.incidents()} == {
        "revenue_down",
        "planwatch_card_failed",
        "planwatch_exporter_behind",
    }


# --- the catalogue -------------------------------------------------------------------


def test_what_came_before_the_first_catalogue_is_told_with_it() -> None:
    inbox = Inbox(bare=True).add(*climb("red"), alert(), *fall("red", end_ms=T0 + 1, scope=EAST))
    inbox.add(Silence(id="s", until_ms=T0 + 1, by="li", rule="other")).add(Tick(frontier_ms=T0), at_ms=T0 + 1)
    assert inbox.told() == []
    inbox.add(CatalogueRecord(catalogue=catalogue())).add(Tick(), at_ms=T0 + 2)
    assert sorted(inbox.told()) == [("li", "self_alert", "orange"), ("li", "transition", "red")]


def test_what_came_before_the_first_catalogue_and_is_stale_is_not_told_with_it() -> None:
    inbox = Inbox(bare=True).add(*climb("red", end_ms=T0 - 5 * HOUR))
    inbox.add(CatalogueRecord(catalogue=catalogue())).add(Tick(), at_ms=T0 + 1)
    assert inbox.told() == []
    assert inbox.response.incidents()[0].untold is Reason.STALE


def test_a_new_route_tells_what_had_none() -> None:
    inbox = Inbox(catalogue(routes=[])).add(*climb("red"))
    assert inbox.told() == []
    inbox.add(CatalogueRecord(catalogue=catalogue())).add(Tick(), at_ms=T0 + 1)
    assert inbox.told() == [("li", "transition", "red")]


def test_an_end_before_the_first_catalogue_is_recorded() -> None:
    inbox = Inbox(bare=True).add(*climb("red"), *fall("red", end_ms=T0 + 1))
    assert [one.is_open for one in inbox.response.incidents()] == [False]


def test_a_tier_that_the_ladder_lost_is_told_by_its_name() -> None:
    fewer = [one for one in catalogue().tiers if one.id != "orange"]
    routes = [Route(id="r", tiers=["orange"], people=["li"], channels=["mail"])]
    inbox = Inbox(catalogue(tiers=fewer, routes=routes)).add(transition("orange", "none"))
    [notice] = inbox.notices()
    assert notice.facts.tier_title == "orange"
    assert inbox.response.incidents()[0].obligations == []


# --- keeping and letting go ----------------------------------------------------------


def test_what_ended_long_ago_is_let_go() -> None:
    inbox = Inbox().add(*climb("blue"), *fall("blue", end_ms=T0 + 1))
    inbox.add(Tick(), at_ms=T0 + KEEP_MS)
    assert len(inbox.response.incidents()) == 1
    inbox.add(Tick(), at_ms=T0 + KEEP_MS + 2 * HOUR)
    assert inbox.response.incidents() == []
    assert len(inbox.response.state.marks) == 0


def test_what_is_open_or_owes_a_report_is_never_let_go() -> None:
    inbox = red().add(*climb("blue", scope=EAST), *fall("red", end_ms=T0 + 1))
    inbox.add(Tick(), at_ms=T0 + KEEP_MS + HOUR).add(Tick(), at_ms=T0 + KEEP_MS + 3 * HOUR)
    assert [one.scope for one in inbox.response.incidents()] == [EAST]


def test_only_so_many_that_ended_are_kept() -> None:
    inbox = Inbox()
    for index in range(KEEP_CLOSED + 5):
        end_ms = T0 + 10 * index
        inbox.add(transition("blue", "none", end_ms=end_ms), transition("none", "blue", end_ms=end_ms + 1))
    inbox.add(Tick(), at_ms=T0 + 2 * HOUR)
    assert len(inbox.response.incidents()) == KEEP_CLOSED


def end_some(inbox: Inbox, first: int, count: int) -> None:
    for index in range(first, first + count):
        end_ms = T0 + 10 * index
        inbox.add(transition("blue", "none", end_ms=end_ms), transition("none", "blue", end_ms=end_ms + 1))
        inbox.notices()


def test_an_hour_in_which_many_end_keeps_twice_as_many_at_most() -> None:
    inbox, most = Inbox(), 0
    for first in range(0, 3 * KEEP_CLOSED, 250):
        end_some(inbox, first, 250)
        most = max(most, len(inbox.response.incidents()))
    assert most == 2 * KEEP_CLOSED - 250
    assert KEEP_CLOSED <= len(inbox.response.incidents()) < 2 * KEEP_CLOSED


def test_a_restart_lets_go_of_the_same_incidents() -> None:
    inbox, other = Inbox(), Inbox()
    end_some(inbox, 0, KEEP_CLOSED + 300)
    end_some(other, 0, KEEP_CLOSED + 300)
    rows = VersionedRows(b"heir")
    for key, value in stored(other.response):
        rows.apply(key, value)
    rows.recover()
    other.response = Response.restore(rows, "heir")
    for one in (inbox, other):
        end_some(one, KEEP_CLOSED + 300, KEEP_CLOSED)
    kept = [[incident.id for incident in one.response.incidents()] for one in (inbox, other)]
    assert kept[0] == kept[1]


def stored(response: Response) -> list[tuple[bytes, bytes]]:
    """Everything that it remembers, as rows of a changelog."""
    response.confirmed()
    for table in response.state._tables():
        for key, row in table.items():
            table.put(key, row)
    rows, commit = response.commit()
    return [*rows, commit]


def test_an_alarm_is_set_once() -> None:
    state = ResponseState()
    for _ in range(3):
        state.wake_by(T0, "a")
    assert len(state._alarms) == 1
    state.now_ms = T0
    assert state.ring() == {"a"}
    state.wake_by(T0, "a")
    assert state.ring() == {"a"}


def test_the_page_shows_open_incidents_silences_and_counts() -> None:
    inbox = red().add(Silence(id="s", until_ms=T0 + HOUR, by="li"))
    page = inbox.response.incidents_json()
    assert [(one["tier"], one["state"], one["title"]["en"]) for one in page["incidents"]] == [
        ("red", "open", "Revenue down on last week")
    ]
    assert (page["incidents"][0]["due_ms"], page["silences"][0]["id"]) == (T0 + 30 * MINUTE, "s")
    assert (page["counts"]["notices"], page["time_zone"], page["outbox"]) == (3, "Asia/Shanghai", 1)


def test_the_page_of_a_worker_without_a_catalogue_names_rules_by_their_id() -> None:
    page = Inbox(bare=True).add(*climb("red")).response.incidents_json()
    assert (page["incidents"][0]["title"]["zh"], page["time_zone"]) == ("revenue_down", "UTC")


# --- restarts ------------------------------------------------------------------------


def test_nothing_may_be_sent_before_its_commit_is_confirmed() -> None:
    inbox = Inbox().add(*climb("red"))
    response = inbox.response
    assert response.take() == []
    response.commit()
    assert response.take() == []
    inbox.add(*climb("red", end_ms=T0 + 1, scope=EAST))
    response.confirmed()
    assert [one.incident for one in response.take()] == [response.state.open_of("revenue_down||").id]
    assert response.take() == []


def test_after_a_restart_the_outbox_is_pending() -> None:
    silence = Silence(id="s", scope={"region": "West"}, until_ms=T0 + HOUR, by="li")
    inbox = Inbox().add(*climb("red"), silence)
    rows, last = inbox.response.commit()
    heir_rows = VersionedRows(b"heir")
    for key, value in (*rows, last):
        heir_rows.apply(key, value)
    heir_rows.recover()
    heir = Response.restore(heir_rows, "heir")
    assert heir.pending() == inbox.response.pending()
    assert heir.incidents() == inbox.response.incidents()
    assert (heir.version, heir.now_ms, heir.counts) == (5, T0, inbox.response.counts)
    assert heir.incidents_json() == inbox.response.incidents_json()
    assert heir.catalogue == inbox.response.catalogue


@pytest.mark.parametrize(
    ("key", "body"), [(b"i/x", b"{}"), (b"?/x", b"{}")], ids=["a wrong body", "no such table"]
)
def test_a_stored_row_that_cannot_be_read_stops_the_worker(key: bytes, body: bytes) -> None:
    written = VersionedRows(b"a")
    records = [written.put(key, body, 1), written.commit(b"", 1)]
    rows = VersionedRows(b"b")
    for one in records:
        rows.apply(*one)
    rows.recover()
    with pytest.raises(StateError, match="row"):
        Response.restore(rows, "b")


def test_a_restart_from_nothing_begins_with_nothing() -> None:
    rows = VersionedRows(b"a")
    rows.recover()
    response = Response.restore(rows, "a")
    assert (response.version, response.incidents(), response.pending()) == (-1, [], [])


def test_ticks_alone_change_nothing_that_must_be_written() -> None:
    inbox = red()
    assert not inbox.response.changed
    inbox.add(Tick(), at_ms=T0 + 1)
    assert not inbox.response.changed
    inbox.add(Tick(), at_ms=T0 + HOUR)
    assert inbox.response.changed
