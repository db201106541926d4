"""One channel's queue: its pace, its places, what is merged, replaced, put into a digest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.channels.bucket import Bucket
from streams.channels.lane import Lane, Room, digest
from streams.channels.port import Pace
from tests.respond_builders import LADDER, card, notice

LADDER_UP = LADDER[1:]


def lane(count: int = 100, per_s: float = 60.0, *, places: int = 50, shared: bool = False) -> Lane:
    pace = Pace(count, per_s)
    return Lane(pace, Room(places, places // 5, min(count // 5, 100)), LADDER_UP, shared=shared)


def yellow(name: str, **changes: object) -> object:
    return notice(
        name, **{"tier": "yellow", "key": name, "incident": name, "facts": card(tier="yellow"), **changes}
    )


def outcomes(of: Lane) -> list[tuple[str, str]]:
    return [(one.notice, one.outcome) for one in of.receipts]


@given(st.lists(st.floats(0.0, 3.0), max_size=60), st.integers(1, 5))
def test_a_bucket_is_never_too_fast_in_any_window(waits: list[float], count: int) -> None:
    bucket, now, used = Bucket(Pace(count, 10.0)), 0.0, []
    for wait in waits:
        now += wait
        if bucket.free(now) >= 1:
            bucket.take(now)
            used.append(now)
        else:
            assert bucket.wait(now, keep=0) > 0
    for start in used:
        assert len([one for one in used if start <= one < start + 9.999]) <= count


def test_a_bucket_waits_until_the_token_that_is_missing_comes_back() -> None:
    bucket = Bucket(Pace(3, 60.0))
    for at in (0.0, 10.0, 20.0):
        bucket.take(at)
    assert [bucket.wait(30.0, keep=keep) for keep in (0, 1, 2)] == [30.0, 40.0, 50.0]
    assert bucket.wait(60.0, keep=0) == 0.0


def test_the_gravest_tier_goes_first_and_the_rest_in_order() -> None:
    queue = lane()
    for one in (yellow("a"), yellow("b"), notice("red", key="red")):
        queue.put(one)
    sent = []
    while (one := queue.next(0.0)) is not None:
        sent.append(one.id)
        queue.sent(0.0)
    assert sent == ["red", "a", "b"]
    assert outcomes(queue) == [("red", "sent"), ("a", "sent"), ("b", "sent")]


def test_tokens_are_kept_for_the_gravest_tier() -> None:
    queue = lane(count=10)
    for index in range(12):
        queue.put(yellow(f"y{index}"))
    while queue.next(0.0) is not None:
        queue.sent(0.0)
    assert queue.counts["sent"] == 8
    assert queue.wait(0.0) == 60.0
    queue.put(notice("red", key="red"))
    assert queue.wait(0.0) == 0.0
    assert queue.next(0.0).id == "red"


def test_places_are_kept_for_the_gravest_tier() -> None:
    queue = lane(places=10)
    for index in range(9):
        queue.put(yellow(f"y{index}"))
    for index in range(4):
        queue.put(notice(f"r{index}", key=f"r{index}"))
    assert (len(queue), queue.counts["overflowed"]) == (13, 3)


def test_an_overflow_is_told_in_one_digest_and_each_notice_has_its_receipt() -> None:
    queue = lane(places=10)
    for index in range(30):
        queue.put(yellow(f"y{index}", address="li@example.com"))
    sent = []
    while (one := queue.next(0.0)) is not None:
        sent.append(one)
        queue.sent(0.0)
    told = next(one for one in sent if one.about == "digest")
    assert told.facts.title == "22 notices in one"
    assert told.facts.lines[0] == ("In all", "Red: 22")
    assert len(told.facts.lines) == 12
    assert sorted(one for one, _ in outcomes(queue)) == sorted(f"y{index}" for index in range(30))
    assert queue.counts == {"submitted": 30, "overflowed": 22, "sent": 8, "digest_sent": 1, "dropped": 22}


def test_a_digest_that_fails_fails_its_notices() -> None:
    queue = lane(places=5)
    for index in range(8):
        queue.put(yellow(f"y{index}"))
    while queue.next(0.0) is not None:
        queue.gave_up(0.0, "gone")
    assert {outcome for _, outcome in outcomes(queue)} == {"failed"}
    assert len(outcomes(queue)) == 8


def test_readers_by_mail_get_a_digest_each_and_a_group_gets_one() -> None:
    for shared, count in ((False, 2), (True, 1)):
        queue = lane(places=0, shared=shared)
        queue.put(yellow("a", address="a@example.com"))
        queue.put(yellow("b", address="b@example.com"))
        made = []
        while (one := queue.next(0.0)) is not None:
            made.append(one.address)
            queue.sent(0.0)
        assert len(made) == count
        assert sorted(",".join(made).split(",")) == ["a@example.com", "b@example.com"]


def test_a_digest_is_as_grave_as_the_gravest_and_speaks_the_language_of_its_reader() -> None:
    ones = [yellow("a", language="zh"), notice("b", language="zh", tier="red")]
    made = digest(ones, LADDER_UP)
    assert (made.tier, made.facts.title, made.id) == ("red", "2 条通知合并", digest(ones[::-1], LADDER_UP).id)


def test_a_notice_that_is_already_here_changes_nothing() -> None:
    queue = lane(places=1)
    for name in ("a", "a", "b", "b"):
        queue.put(yellow(name))
    queue.next(0.0)
    queue.put(yellow("a"))
    assert (queue.counts["submitted"], queue.counts["repeated"]) == (2, 3)


def test_a_newer_notice_of_the_incident_replaces_one_that_waits() -> None:
    queue = lane()
    queue.put(yellow("a", key="k"))
    queue.put(yellow("due", key="k", about="due"))
    queue.put(yellow("other", key="k", person="wang"))
    queue.put(notice("b", key="k", about="resolved"))
    assert outcomes(queue) == [("a", "dropped")]
    assert len(queue) == 3


def test_what_is_being_sent_is_not_replaced() -> None:
    queue = lane()
    queue.put(yellow("a", key="k"))
    queue.next(0.0)
    queue.put(yellow("b", key="k"))
    queue.sent(0.0)
    assert outcomes(queue) == [("a", "sent")]
    assert queue.next(0.0).id == "b"


def test_a_group_gets_a_card_once_with_all_addresses() -> None:
    queue = lane(shared=True)
    for name in ("li", "wang", ""):
        queue.put(notice(f"n{name}", person=name or "x", address=name))
    queue.put(notice("zh", person="zh", address="zh", facts=card("zh")))
    first = queue.next(0.0)
    queue.sent(0.0)
    second = queue.next(0.0)
    queue.sent(0.0)
    assert (first.address, second.address) == ("li,wang", "zh")
    assert [one for one, _ in outcomes(queue)] == ["nli", "nwang", "n", "zh"]
    assert queue.bucket.free(0.0) == 98


def test_a_notice_that_is_tried_again_keeps_its_place_and_waits() -> None:
    queue = lane()
    queue.put(yellow("a"))
    queue.put(yellow("b"))
    queue.next(0.0)
    queue.again(0.0, 5.0)
    assert queue.next(1.0).id == "b"
    queue.sent(1.0)
    assert queue.next(4.9) is None
    assert queue.wait(4.0) == 1.0
    assert queue.next(5.0).id == "a"
    assert queue.tries == 1
    assert queue.counts["retried"] == 1


def test_what_is_let_go_waits_as_if_never_taken() -> None:
    queue = lane()
    queue.put(yellow("a"))
    queue.next(0.0)
    queue.let_go()
    assert (queue.next(0.0).id, queue.tries, queue.bucket.free(0.0)) == ("a", 0, 100)


def test_an_empty_lane_waits_for_nothing() -> None:
    queue = lane()
    assert (queue.next(0.0), queue.wait(0.0), queue.tries, len(queue)) == (None, None, 0, 0)


@pytest.mark.parametrize(
    ("pace", "most", "room"),
    [
        (Pace(20, 60.0), 10_000, Room(100, 20, 4)),
        (Pace(1000, 1.0), 10_000, Room(10_000, 2000, 100)),
        (Pace(1, 60.0), 10_000, Room(50, 10, 0)),
        (Pace(20, 60.0), 10, Room(10, 2, 4)),
    ],
)
def test_the_room_of_a_lane_follows_its_pace(pace: Pace, most: int, room: Room) -> None:
    assert Room.of(pace, most) == room


def test_without_a_ladder_nothing_is_gravest() -> None:
    queue = Lane(Pace(5, 1.0), Room(10, 2, 1), (), shared=False)
    queue.put(notice("a"))
    assert queue.next(0.0).id == "a"
