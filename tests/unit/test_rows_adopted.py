"""What former owners left in a changelog: made one's own and let go, some at a time."""

import pytest

from schemas.errors import StateError
from streams.engine.row_codec import Commit, Former, Version, encode_commit, encode_row
from streams.engine.rows import AT_ONCE, VersionedRows

Log = list[tuple[bytes, bytes | None]]


def left_by(owner: bytes, bodies: dict[bytes, bytes]) -> Log:
    """The log of an owner that wrote these rows and ended."""
    rows = VersionedRows(owner)
    log: Log = [rows.put(key, body, 1) for key, body in bodies.items()]
    return [*log, rows.commit(b"{}", 1), *rows.confirmed()]


def heir_of(log: Log, owner: bytes = b"b", claim: int | None = None, at_once: int = AT_ONCE) -> VersionedRows:
    heir = VersionedRows(owner, claim, at_once)
    for key, value in log:
        heir.apply(key, value)
    heir.recover()
    return heir


def commit(rows: VersionedRows, log: Log, version: int) -> Log:
    """A commit as stages make it; gives its rows and the tombstones after it."""
    written: Log = [*rows.adopt(version), rows.commit(b"{}", version), *rows.confirmed()]
    log += written
    return written


def test_so_many_rows_are_made_ones_own_at_each_commit_and_let_go_as_slowly() -> None:
    log = left_by(b"a", {b"x": b"1", b"y": b"2", b"z": b"3"})
    heir = heir_of(log, at_once=2)
    assert [key for key, _ in commit(heir, log, 2)] == [b"x\x00b", b"y\x00b", b"commit\x00b", b"commit\x00a"]
    assert [key for key, _ in commit(heir, log, 3)] == [b"z\x00b", b"commit\x00b", b"y\x00a", b"z\x00a"]
    assert [key for key, _ in commit(heir, log, 4)] == [b"commit\x00b", b"x\x00a"]
    assert [key for key, _ in commit(heir, log, 5)] == [b"commit\x00b"]
    assert dict(heir_of(log, b"c").items()) == {b"x": b"1", b"y": b"2", b"z": b"3"}


def test_large_rows_are_made_ones_own_a_megabyte_at_a_time() -> None:
    log = left_by(b"a", {b"x": b"1" * 600_000, b"y": b"2" * 600_000, b"z": b"3"})
    heir = heir_of(log)
    assert [key for key, _ in heir.adopt(2)] == [b"x\x00b", b"y\x00b"]
    assert [key for key, _ in heir.adopt(2)] == [b"z\x00b"]


def test_what_was_written_or_deleted_meanwhile_is_not_adopted() -> None:
    heir = heir_of(left_by(b"a", {b"x": b"1", b"y": b"2", b"z": b"3"}))
    heir.put(b"x", b"new", 2)
    heir.delete(b"y", 2)
    heir.delete(b"z", 2, mutable=False)
    assert heir.adopt(2) == []


def test_an_adopted_row_that_is_written_again_carries_what_was_adopted() -> None:
    log = left_by(b"a", {b"x": b"1"})
    heir = heir_of(log)
    commit(heir, log, 2)
    assert heir.put(b"x", b"2", 3) == (b"x\x00b", encode_row(Version(3, b"2"), Version(2, b"1")))


def test_an_adopted_row_that_never_changes_is_not_remembered() -> None:
    log = left_by(b"a", {b"x": b"1"})
    heir = heir_of(log)
    heir.adopt(2, lambda key: False)
    heir.commit(b"{}", 2)
    heir.confirmed()
    assert heir.put(b"x", b"1", 3) == (b"x\x00b", encode_row(Version(3, b"1"), None))


def test_marks_go_when_no_row_of_a_former_owner_is_left() -> None:
    log = left_by(b"a", {b"x": b"1", b"y": b"2", b"z": b"3"})
    heir = heir_of(log, at_once=1)
    deletion = heir.delete(b"x", 2)
    assert deletion is not None
    log.append(deletion)
    assert (b"x\x00b", None) not in commit(heir, log, 2)
    for version in (3, 4, 5):
        commit(heir, log, version)
    newest = dict(log)
    assert {key for key, value in newest.items() if value} == {b"y\x00b", b"z\x00b", b"commit\x00b"}


def test_short_ownerships_leave_no_more_than_long_ones() -> None:
    log = left_by(b"0", dict.fromkeys((b"u", b"v", b"w", b"x", b"y", b"z"), b"1"))
    for number in range(1, 40):
        heir = heir_of(log, str(number).encode(), at_once=2)
        commit(heir, log, 2 * number)
        commit(heir, log, 2 * number + 1)
    newest = dict(log)
    assert len([key for key, value in newest.items() if value and not key.startswith(b"commit")]) <= 2 * 6
    assert set(dict(heir_of(log, b"last").items())) == {b"u", b"v", b"w", b"x", b"y", b"z"}


def test_who_finds_a_commit_of_a_later_ownership_is_overtaken() -> None:
    log = left_by(b"a", {b"x": b"1"})
    commit(heir_of(log, b"c", claim=50), log, 2)
    assert heir_of(log, b"b", claim=40).is_overtaken
    assert not heir_of(log, b"d", claim=60).is_overtaken
    assert not heir_of(log, b"e", claim=None).is_overtaken


def test_the_number_of_an_ownership_decides_between_commits_however_far_they_are() -> None:
    log = left_by(b"a", {b"x": b"1"})
    sleeper, second = heir_of(log, b"b", claim=40), heir_of(log, b"c", claim=50)
    commit(second, log, 2)
    log += [sleeper.put(b"x", b"late", 9), sleeper.commit(b"late", 9)]
    last = heir_of(log, b"d", claim=60)
    assert (last.version, dict(last.items())) == (2, {b"x": b"1"})


def test_a_commit_row_of_an_earlier_version_is_named_with_what_mends_it() -> None:
    body = encode_commit(Commit(1, b"{}", {b"a": Former(0, 7)})).replace(b"[0, 7]", b"70    ")
    with pytest.raises(StateError, match=r"a commit row of \d+ bytes cannot be read.* — planwatch rebuild"):
        heir_of([(b"commit\x00a", encode_row(Version(7, body), None))])
