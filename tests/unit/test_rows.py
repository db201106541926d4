"""Rows of a changelog: what is read back after a crash at any point of writing."""

import pytest

from schemas.errors import StateError
from streams.engine.row_codec import Version, decode_row, encode_row
from streams.engine.rows import VersionedRows


def read_back(*records: tuple[bytes, bytes | None]) -> VersionedRows:
    heir = VersionedRows(b"heir")
    for key, value in records:
        heir.apply(key, value)
    heir.recover()
    return heir


def rows_among(records: list[tuple[bytes, None]]) -> list[tuple[bytes, None]]:
    """Those that are not of a former owner's commit."""
    return [record for record in records if not record[0].startswith(b"commit")]


def test_a_row_without_a_commit_is_as_if_never_written() -> None:
    rows = VersionedRows(b"a")
    heir = read_back(rows.put(b"x", b"1", 5))
    assert (dict(heir.items()), heir.version, heir.commit_body) == ({}, -1, None)


def test_rows_ahead_of_the_commit_are_read_as_they_were_at_it() -> None:
    rows = VersionedRows(b"a")
    log = [rows.put(b"x", b"1", 5), rows.commit(b"{}", 5)]
    rows.confirmed()
    log += [rows.put(b"x", b"2", 9), rows.put(b"y", b"new", 9)]
    assert dict(read_back(*log).items()) == {b"x": b"1"}


def test_a_row_written_twice_before_a_commit_keeps_the_body_of_the_last_commit() -> None:
    rows = VersionedRows(b"a")
    log = [rows.put(b"x", b"1", 5), rows.commit(b"{}", 5)]
    rows.confirmed()
    rows.put(b"x", b"2", 9)
    log.append(rows.put(b"x", b"3", 11))
    assert dict(read_back(*log).items()) == {b"x": b"1"}


def test_the_newest_commit_of_all_owners_decides() -> None:
    first = VersionedRows(b"a")
    log = [first.put(b"x", b"1", 5), first.commit(b"one", 5)]
    first.confirmed()
    heir = read_back(*log)
    heir.owner = b"b"
    log += [heir.put(b"x", b"2", 8), heir.commit(b"two", 8)]
    zombie = [first.put(b"x", b"stale", 6), first.commit(b"stale", 6)]
    last = read_back(*log, *zombie)
    assert (dict(last.items()), last.version, last.commit_body) == ({b"x": b"2"}, 8, b"two")


def test_a_deleted_row_is_gone_and_its_tombstones_cover_every_owner_but_who_says_so() -> None:
    first = VersionedRows(b"a")
    log = [first.put(b"x", b"1", 5), first.put(b"y", b"1", 5), first.commit(b"{}", 5)]
    first.confirmed()
    heir = read_back(*log)
    heir.owner = b"b"
    deletion = heir.delete(b"x", 7)
    assert deletion is not None
    log += [deletion, heir.commit(b"{}", 7)]
    assert dict(read_back(*log).items()) == {b"y": b"1"}
    assert rows_among(heir.confirmed()) == [(b"x\x00a", None)]


def test_a_deletion_that_was_not_committed_did_not_happen() -> None:
    rows = VersionedRows(b"a")
    log = [rows.put(b"x", b"1", 5), rows.commit(b"{}", 5)]
    rows.confirmed()
    deletion = rows.delete(b"x", 7)
    assert deletion is not None
    assert dict(read_back(*log, deletion).items()) == {b"x": b"1"}


def test_a_row_put_again_after_its_deletion_gets_no_tombstone() -> None:
    rows = VersionedRows(b"a")
    rows.put(b"x", b"1", 5)
    rows.delete(b"x", 6)
    log = [rows.put(b"x", b"2", 7), rows.commit(b"{}", 7)]
    assert rows.confirmed() == []
    assert dict(read_back(*log).items()) == {b"x": b"2"}


def test_an_immutable_row_needs_no_record_to_be_deleted_only_its_tombstones() -> None:
    rows = VersionedRows(b"a")
    rows.put(b"p", b"cells", 5, mutable=False)
    assert rows.delete(b"p", 6, mutable=False) is None
    rows.commit(b"{}", 6)
    assert rows.confirmed() == [(b"p\x00a", None)]


def test_an_immutable_row_that_was_read_back_is_deleted_by_its_tombstones() -> None:
    first = VersionedRows(b"a")
    log = [first.put(b"p|1", b"cells", 5, mutable=False), first.commit(b"{}", 5)]
    heir = VersionedRows(b"b")
    for key, value in log:
        heir.apply(key, value)
    heir.recover()
    assert dict(heir.items()) == {b"p|1": b"cells"}
    assert heir.delete(b"p|1", 6, mutable=False) is None
    heir.commit(b"{}", 6)
    assert rows_among(heir.confirmed()) == [(b"p|1\x00a", None)]


def test_a_tombstone_in_the_log_removes_the_row_of_its_owner() -> None:
    rows = VersionedRows(b"a")
    put, commit = rows.put(b"x", b"1", 5), rows.commit(b"{}", 5)
    assert dict(read_back(put, commit, (put[0], None)).items()) == {}


def test_a_tombstone_of_an_unknown_row_changes_nothing() -> None:
    assert dict(read_back((b"x\x00a", None)).items()) == {}


def test_what_was_deleted_before_a_crash_is_tombstoned_by_the_heir() -> None:
    rows = VersionedRows(b"a")
    rows.put(b"x", b"1", 5)
    deletion = rows.delete(b"x", 6)
    assert deletion is not None
    heir = read_back(deletion, rows.commit(b"{}", 6))
    heir.commit(b"{}", 7)
    assert rows_among(heir.confirmed()) == [(b"x\x00a", None)]


def test_a_row_is_refused_while_a_commit_is_not_confirmed() -> None:
    rows = VersionedRows(b"a")
    rows.commit(b"{}", 5)
    with pytest.raises(StateError, match="before the last commit was confirmed"):
        rows.put(b"x", b"1", 6)


def test_what_a_dead_owner_wrote_ahead_is_no_ghost_in_later_states() -> None:
    dead = VersionedRows(b"a")
    ahead = dead.put(b"x", b"made and gone before the heir's commit", 10)
    heir = read_back(ahead)
    assert dict(read_back(ahead, heir.commit(b"{}", 12)).items()) == {}


def test_the_heirs_commit_is_followed_by_a_tombstone_of_what_was_ahead() -> None:
    dead = VersionedRows(b"a")
    heir = read_back(dead.put(b"x", b"1", 10))
    heir.commit(b"{}", 12)
    assert heir.confirmed() == [(b"x\x00a", None)]


def test_a_row_that_the_heir_writes_anew_is_not_taken_for_what_was_ahead() -> None:
    ahead = VersionedRows(b"a").put(b"x", b"1", 10, mutable=False)
    heir = read_back(ahead)
    again, commit = heir.put(b"x", b"1", 11, mutable=False), heir.commit(b"{}", 11)
    assert heir.confirmed() == [(b"x\x00a", None)]
    assert dict(read_back(ahead, again, commit, (b"x\x00a", None)).items()) == {b"x": b"1"}


@pytest.mark.parametrize("value", [b"", b"\x02" + b"0" * 40, b"short"], ids=["empty", "other magic", "short"])
def test_a_changelog_record_that_is_no_row_is_named(value: bytes) -> None:
    with pytest.raises(StateError, match=f"changelog row of {len(value)} bytes is not ours"):
        decode_row(value)


@pytest.mark.parametrize("before", [None, Version(3, None), Version(3, b""), Version(-1, b"old")])
def test_a_row_is_read_as_it_was_written(before: Version | None) -> None:
    now = Version(9, b"\x00new")
    assert decode_row(encode_row(now, before)) == ([now] if before is None else [now, before])


def test_a_former_owner_further_in_the_log_does_not_undo_what_its_successor_let_go() -> None:
    #  a   put x @5, commit @5 · · · put x @9 · · · · · · · · · · · commit @9
    #  b                                      delete x @7, commit @7, tombstones
    first = VersionedRows(b"a")
    log = [first.put(b"x", b"1", 5), first.put(b"y", b"1", 5), first.commit(b"one", 5)]
    first.confirmed()
    log.append(first.put(b"x", b"again", 9))
    heir = VersionedRows(b"b")
    for key, value in log:
        heir.apply(key, value)
    heir.recover()
    deletion = heir.delete(b"x", 7)
    assert deletion is not None
    log += [deletion, heir.commit(b"two", 7), *heir.confirmed()]
    last = read_back(*log, first.commit(b"stale", 9))
    assert (last.version, last.commit_body, dict(last.items())) == (7, b"two", {b"y": b"1"})


def succeeded(log: list[tuple[bytes, bytes | None]], owner: bytes, version: int) -> VersionedRows:
    """The next owner, who has confirmed a first commit."""
    rows = VersionedRows(owner)
    for key, value in log:
        rows.apply(key, value)
    rows.recover()
    log.append(rows.commit(b"{}", version))
    log += rows.confirmed()
    return rows


def delete(rows: VersionedRows, log: list[tuple[bytes, bytes | None]], key: bytes, version: int) -> None:
    """Delete a row, and confirm that."""
    deletion = rows.delete(key, version)
    assert deletion is not None
    log += [deletion, rows.commit(b"{}", version)]
    log += rows.confirmed()


def test_a_former_owner_does_not_bring_back_what_its_successors_have_deleted() -> None:
    #  a   put x, y @1, commit · · · · · · · · · put x @4
    #  b                         delete x @3 ·             · c: commit @5
    log: list[tuple[bytes, bytes | None]] = []
    first = VersionedRows(b"a")
    log += [first.put(b"x", b"1", 1), first.put(b"y", b"1", 1), first.commit(b"{}", 1), *first.confirmed()]
    delete(succeeded(log, b"b", 2), log, b"x", 3)
    log.append(first.put(b"x", b"zombie", 4))
    assert dict(read_back(*log).items()) == {b"y": b"1"}
    third = succeeded(log, b"c", 5)
    log += [third.put(b"y", b"3", 6), third.commit(b"{}", 6), *third.confirmed()]
    assert dict(read_back(*log).items()) == {b"y": b"3"}


def test_a_body_that_was_taken_over_is_not_carried_along_by_who_did_not_write_it() -> None:
    log: list[tuple[bytes, bytes | None]] = []
    first = VersionedRows(b"a")
    log += [first.put(b"x", b"1", 1), first.commit(b"{}", 1), *first.confirmed()]
    second = succeeded(log, b"b", 2)
    delete(succeeded(log, b"c", 3), log, b"x", 4)
    key, value = second.put(b"x", b"zombie", 5)
    assert decode_row(value) == [Version(5, b"zombie")]
    assert dict(read_back(*log, (key, value)).items()) == {}


def test_who_says_that_a_row_is_deleted_may_stop_when_nobody_counts_who_had_it() -> None:
    log: list[tuple[bytes, bytes | None]] = []
    first = VersionedRows(b"a")
    log += [first.put(b"x", b"1", 1), first.put(b"y", b"1", 1), first.commit(b"{}", 1), *first.confirmed()]
    second = succeeded(log, b"b", 2)
    delete(second, log, b"x", 3)
    keys = {key for key, _ in log}
    assert (b"x\x00b", None) not in log
    third = succeeded(log, b"c", 4)
    log += [third.put(b"x", b"3", 5), third.commit(b"{}", 5), *third.confirmed()]
    assert dict(read_back(*log).items()) == {b"x": b"3", b"y": b"1"}
    delete(third, log, b"y", 6)
    delete(third, log, b"x", 7)
    assert dict(read_back(*log).items()) == {}
    assert {key for key, value in log if value is None} > {b"x\x00a", b"y\x00a"}
    succeeded(log, b"d", 8)
    gone = {key for key, value in log if value is None}
    assert {key for key in keys if key.startswith((b"x", b"y"))} <= gone
    assert {b"x\x00c", b"y\x00c"} <= gone
