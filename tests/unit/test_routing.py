"""Who is told, and for what reason nobody is."""

import pytest

from schemas.incident import Reason
from schemas.records import Silence
from schemas.route import Person, Route
from streams.decisions.incident import open_incident
from streams.decisions.routing import (
    covers,
    is_silenced,
    next_level,
    not_joined,
    recipients,
    withheld,
)
from tests.respond_builders import HOUR, T0, catalogue, installation, transition

EAST = {"region": "East"}


def names(found: list) -> list[tuple[str, str]]:
    return [(one.person, one.channel) for one in found]


@pytest.mark.parametrize(
    ("wide", "narrow", "answer"),
    [
        ({}, {}, True),
        ({}, EAST, True),
        (EAST, EAST, True),
        (EAST, {**EAST, "channel": "web"}, True),
        (EAST, {}, False),
        (EAST, {"region": "West"}, False),
        ({**EAST, "channel": "web"}, EAST, False),
    ],
)
def test_a_scope_covers_what_has_all_its_values(wide: dict, narrow: dict, answer: bool) -> None:
    assert covers(wide, narrow) is answer


@pytest.mark.parametrize(
    ("route", "told"),
    [
        pytest.param({}, True, id="tier, scope and any rule"),
        pytest.param({"tiers": ["orange"]}, False, id="another tier"),
        pytest.param({"scope": EAST}, True, id="its own scope"),
        pytest.param({"scope": {"region": "West"}}, False, id="another scope"),
        pytest.param({"rules": ["revenue_down"]}, True, id="names the rule"),
        pytest.param({"rules": ["refunds"]}, False, id="names another rule"),
    ],
)
def test_a_route_matches_by_tier_scope_and_rule(route: dict, told: bool) -> None:
    made = Route(**{"id": "r", "tiers": ["red"], "people": ["li"], "channels": ["mail"], **route})
    found = recipients(catalogue(routes=[made]), "revenue_down", EAST, "red")
    assert names(found) == ([("li", "mail")] if told else [])


def test_every_matching_route_applies_and_a_person_is_told_once_per_channel() -> None:
    routes = [
        Route(id="a", tiers=["red"], people=["li", "zhang"], channels=["mail"]),
        Route(id="b", tiers=["red"], people=["li"], channels=["mail", "robot"]),
    ]
    found = recipients(catalogue(routes=routes), "revenue_down", {}, "red")
    assert names(found) == [("li", "mail"), ("zhang", "mail"), ("li", "robot")]
    assert [one.address for one in found] == ["li@example.com", "zhang@example.com", "li"]


def incident_at(level: int, scope: dict) -> object:
    made = open_incident(transition("red", "orange", scope=scope), T0)
    told = recipients(catalogue(), "revenue_down", scope, "red")
    return made.model_copy(update={"level": level, "told": told})


def test_the_next_level_is_the_lowest_above_that_covers_the_scope() -> None:
    assert names(next_level(catalogue(), incident_at(1, EAST))) == [("zhang", "mail")]


def test_a_level_that_nobody_has_is_passed_over() -> None:
    people = {name: one for name, one in catalogue().people.items() if name != "zhang"}
    assert names(next_level(catalogue(people=people), incident_at(1, {}))) == [("wang", "mail")]


def test_above_the_highest_level_those_who_know_are_told_again() -> None:
    assert names(next_level(catalogue(), incident_at(3, {}))) == [("li", "mail")]


def test_nobody_outside_his_scope_is_told_of_a_missed_deadline() -> None:
    boss = Person(
        id="boss", name="Boss", level=2, scope={"region": "West"}, contacts={"mail": "b@example.com"}
    )
    people = {"li": catalogue().people["li"], "boss": boss}
    assert names(next_level(catalogue(people=people), incident_at(1, EAST))) == [("li", "mail")]


@pytest.mark.parametrize(
    ("contacts", "channels"),
    [
        pytest.param({"mail": "z@example.com", "robot": "z"}, ["mail"], id="on the route's channel"),
        pytest.param({"robot": "z"}, ["robot"], id="else on his own"),
        pytest.param({}, ["mail"], id="else on the route's without an address"),
    ],
)
def test_the_next_level_is_reached_where_it_can_be(contacts: dict, channels: list[str]) -> None:
    people = {**catalogue().people, "zhang": Person(id="zhang", name="Z", level=2, contacts=contacts)}
    found = next_level(catalogue(people=people), incident_at(1, {}))
    assert [one.channel for one in found] == channels


@pytest.mark.parametrize(
    ("age", "reason"),
    [(HOUR - 1, None), (HOUR, None), (HOUR + 1, Reason.STALE)],
    ids=["younger", "exactly as old", "older"],
)
def test_what_is_older_than_stale_after_is_withheld(age: int, reason: Reason | None) -> None:
    assert withheld(catalogue(), transition("red", "orange"), [], T0 + age, ages=True) is reason
    assert withheld(catalogue(), transition("red", "orange"), [], T0 + age, ages=False) is None


@pytest.mark.parametrize("why", ["rule", "installation"])
def test_shadow_is_withheld_whoever_is_in_it(why: str) -> None:
    chosen = catalogue(installation=installation(live=why != "installation"))
    assert (
        withheld(chosen, transition("red", "orange", silent=why == "rule"), [], T0, ages=True)
        is Reason.SHADOW
    )


@pytest.mark.parametrize(
    ("silence", "answer"),
    [
        pytest.param({}, True, id="all rules everywhere"),
        pytest.param({"rule": "revenue_down"}, True, id="this rule"),
        pytest.param({"rule": "refunds"}, False, id="another rule"),
        pytest.param({"scope": EAST}, True, id="this scope"),
        pytest.param({"scope": {"region": "West"}}, False, id="another scope"),
        pytest.param({"until_ms": T0}, False, id="ends now"),
    ],
)
def test_a_silence_holds_for_its_rule_and_scope_until_it_ends(silence: dict, answer: bool) -> None:
    made = Silence(**{"id": "s", "until_ms": T0 + 1, "by": "li", **silence})
    assert is_silenced("revenue_down", EAST, [made], T0) is answer
    reason = withheld(catalogue(), transition("red", "orange", scope=EAST), [made], T0, ages=True)
    assert reason is (Reason.SILENCED if answer else None)


def test_those_who_know_of_the_parent_are_not_told_of_the_child() -> None:
    told = recipients(catalogue(), "revenue_down", EAST, "red")
    knowing = incident_at(1, {})
    assert not_joined(told, [knowing]) == []
    assert not_joined(told, []) == told
    assert not_joined(told, [knowing.model_copy(update={"told": []})]) == told
