"""Rows of a compacted changelog that can be read back as of one version, whatever was killed when.

A row is a key with the body it has from a version on. A version is the offset in the log up to which the
fold that wrote it had counted.

Writing order: rows, then the commit row that names the version they belong to. A crash in between leaves
rows *ahead* of the last commit; so each mutable row also carries the body that its owner has overwritten.
The changelog key ends in the owner's id: an owner that wakes after its time writes beside, not over, its
successor's rows. A commit names, for each former owner whose rows it builds on, the version up to which
they hold: what such an owner wrote ahead of that, before or after its end, is not a part of the state.
Such an owner may still write a row that a successor has deleted, with the body that it had before. So the
row that says `deleted`, its mark, stays as long as an owner counts whose time was before that of who deleted.

All that would grow with every ownership. So an owner makes the rows of former owners its own, some at each
commit (`adopt`). When none is left its commits name nobody, and after the first of these what former owners
left and all marks are let go, again some at a time.

A commit carries its ownership's number, higher than those before: that of a successor counts, however far a
former owner comes in the log. And one thing is asked of an owner: after a commit it writes nothing newer
until it knows that it was still the owner then. Its successor may build on the commit before, which a row
carries once.
"""

from collections.abc import Callable, Iterator

from schemas.errors import StateError
from streams.engine.row_codec import (
    Commit,
    Former,
    Version,
    decode_commit,
    decode_row,
    encode_commit,
    encode_row,
)

Row = tuple[bytes, bytes | None]

#: rows made one's own at one commit, and rows let go after one
AT_ONCE = 1_000
#: bytes made one's own at one commit, but for one row more
_BYTES_AT_ONCE = 1 << 20
_COMMIT = b"commit"
_SEPARATOR = b"\x00"


class VersionedRows:
    """The rows of one partition of a changelog: filled by recovery, then written through by its owner.

    `claim`: the number of this ownership; None: one more than the last. Where a later owner's commit is read
    back, this one's time is over (`is_overtaken`), and it must write nothing.
    `at_once`: rows made one's own at one commit, and rows let go after one.

    >>> rows = VersionedRows(b"a")
    >>> first = rows.put(b"x", b"1", 10)
    >>> done = rows.commit(b"{}", 10)
    >>> rows.confirmed()
    []
    >>> ahead = rows.put(b"x", b"2", 20)  # and then the process is killed
    >>> heir = VersionedRows(b"b")
    >>> for key, value in (first, done, ahead): heir.apply(key, value)
    >>> heir.recover(); dict(heir.items()), heir.version
    ({b'x': b'1'}, 10)
    """

    def __init__(self, owner: bytes, claim: int | None = None, at_once: int = AT_ONCE) -> None:
        self.owner = owner
        self.version = -1
        self.commit_body: bytes | None = None
        self._read: dict[bytes, dict[bytes, bytes]] = {}
        #: rows that hold and that only former owners have written
        self._inherited: dict[bytes, bytes] = {}
        #: what is in our own rows as of the last confirmed commit
        self._committed: dict[bytes, Version] = {}
        self._dirty: dict[bytes, Version] = {}
        self._owners: dict[bytes, set[bytes]] = {}
        self._retired: dict[bytes, None] = {}
        #: deleted rows and who says so
        self._marks: dict[bytes, bytes] = {}
        self._unconfirmed = False
        self._given = claim
        self._claim = claim or 0
        self.is_overtaken = False
        self._at_once = at_once
        self._trusted: dict[bytes, Former] = {}
        #: the commits of former owners, until ours is confirmed
        self._former: list[bytes] = []
        #: rows that others have written whom nobody reads any more; None: that is not yet known
        self._leaving: list[bytes] | None = None
        #: nobody else counts any more
        self._is_alone = False

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take one changelog record, in the order of the log."""
        name, _, owner = key.rpartition(_SEPARATOR)
        if value is None:
            self._read.get(name, {}).pop(owner, None)
        else:
            self._read.setdefault(name, {})[owner] = value

    def recover(self) -> None:
        """Settle on the last committed version; call once, after the last `apply`."""
        read, self._read = self._read, {}
        self._follow(read.pop(_COMMIT, {}))
        writers: dict[bytes, bytes] = {}
        for name, by_owner in read.items():
            self._owners[name] = set(by_owner)
            if writer := self._settle(name, by_owner):
                writers[name] = writer
        oldest = sorted(writers, key=lambda name: self._trusted[writers[name]].claim)
        self._inherited = {name: self._inherited[name] for name in oldest}
        self._keep_what_counts(set(writers.values()))

    def _follow(self, commits: dict[bytes, bytes]) -> None:
        found = []
        for owner, value in commits.items():
            row = decode_row(value)[0]
            commit = decode_commit(row.body or b"")
            found.append((commit.claim, row.number, owner, commit))
        self._former = sorted(commits.keys() - {self.owner})
        if found:
            claim, self.version, owner, commit = max(found, key=lambda one: one[:3])
            self.commit_body = commit.body
            self.is_overtaken = self._given is not None and claim >= self._given
            self._claim = claim + 1 if self._given is None else self._given
            self._trusted = {**commit.trusted, owner: Former(claim, self.version)}

    def _settle(self, name: bytes, by_owner: dict[bytes, bytes]) -> bytes:
        """Find what holds of a row; gives who wrote its body, b"" where it has none."""
        versions = [
            (version.number, owner, version.body)
            for owner, value in by_owner.items()
            if (former := self._trusted.get(owner))
            for version in decode_row(value)
            if version.number <= former.version
        ]
        _, writer, body = max(versions, key=lambda version: version[0], default=(0, b"", None))
        if body is not None:
            self._inherited[name] = body
            return writer
        self._retired[name] = None
        if writer:
            self._marks[name] = writer
        return b""

    def _keep_what_counts(self, holders: set[bytes]) -> None:
        """Trust who wrote rows that hold, and who deleted what one of these could write again."""
        first = min((self._trusted[owner].claim for owner in holders), default=self._claim)
        self._marks = {name: one for name, one in self._marks.items() if self._trusted[one].claim > first}
        counts = holders | set(self._marks.values())
        self._trusted = {owner: former for owner, former in self._trusted.items() if owner in counts}

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every row as of the committed version, before anything is written or adopted."""
        yield from self._inherited.items()

    def put(self, key: bytes, body: bytes, version: int, *, mutable: bool = True) -> tuple[bytes, bytes]:
        """The changelog record of a row that has this body from `version` on.

        `mutable=False`: the body is the same at every version, so nothing is remembered of it.
        """
        return self._write(key, Version(version, body), mutable=mutable)

    def delete(self, key: bytes, version: int, *, mutable: bool = True) -> tuple[bytes, bytes] | None:
        """Let a row go from `version` on; its tombstones follow the next confirmed commit.

        None when nothing needs to be written before: the row never changes.
        """
        self._retired[key] = None
        self._inherited.pop(key, None)
        if not mutable:
            return None
        return self._write(key, Version(version, None), mutable=True)

    def adopt(
        self, version: int, mutable: Callable[[bytes], bool] = lambda _: True
    ) -> list[tuple[bytes, bytes]]:
        """Rows that only former owners have written, made our own; some of them, the oldest owners' first,
        before each commit.

        `mutable`: what `put` would have been told of a key.
        """
        size, some = 0, list[tuple[bytes, bytes]]()
        for key, body in self._inherited.items():
            if len(some) >= self._at_once or size >= _BYTES_AT_ONCE:
                break
            some.append((key, body))
            size += len(body)
        return [self.put(key, body, version, mutable=mutable(key)) for key, body in some]

    def _write(self, key: bytes, now: Version, *, mutable: bool) -> tuple[bytes, bytes]:
        if self._unconfirmed:
            raise StateError(f"row {key!r} written before the last commit was confirmed")
        self._owners.setdefault(key, set()).add(self.owner)
        self._inherited.pop(key, None)
        before = self._committed.get(key) if mutable else None
        if now.body is not None:
            self._retired.pop(key, None)
            self._marks.pop(key, None)
        if mutable:
            self._dirty[key] = now
        return key + _SEPARATOR + self.owner, encode_row(now, before)

    def commit(self, body: bytes, version: int) -> tuple[bytes, bytes]:
        """The commit record; send it only after every row before it is confirmed."""
        self.version, self.commit_body = version, body
        self._unconfirmed = True
        if not self._inherited:
            self._trusted = {}
        commit = encode_commit(Commit(self._claim, body, self._trusted))
        return _COMMIT + _SEPARATOR + self.owner, encode_row(Version(version, commit), None)

    def confirmed(self) -> list[tuple[bytes, None]]:
        """After the commit is confirmed and acknowledged: the tombstones of what was deleted before it, for
        every owner seen but one who must go on saying so, and of what former owners left behind."""
        self._unconfirmed = False
        self._committed.update(self._dirty)
        self._dirty = {}
        former, self._former = self._former, []
        tombstones: list[tuple[bytes, None]] = [(_COMMIT + _SEPARATOR + owner, None) for owner in former]
        retired, self._retired = self._retired, {}
        for name in retired:
            tombstones += self._bury(name)
        tombstones += self._let_go()
        return tombstones

    def _bury(self, name: bytes) -> list[tuple[bytes, None]]:
        """The tombstones of a row that is deleted, but for its mark."""
        owners = self._owners.pop(name, set())
        mark = self._mark_of(name)
        if mark:
            self._marks[name] = mark
            self._owners[name] = {mark}
        else:
            self._marks.pop(name, None)
            self._committed.pop(name, None)
        return [(name + _SEPARATOR + owner, None) for owner in sorted(owners - {mark})]

    def _mark_of(self, name: bytes) -> bytes:
        """Who must go on saying that a row is deleted; b"" where nobody could write it again."""
        if not self._trusted:
            return b""
        ours = self._committed.get(name)
        return self.owner if ours is not None and ours.body is None else self._marks.get(name, b"")

    def _let_go(self) -> list[tuple[bytes, None]]:
        """Some of what others have written whom no commit names any more, the one just confirmed included."""
        if self._leaving is None or self._is_alone != (not self._trusted):
            self._is_alone = not self._trusted
            self._leaving = [name for name in self._owners if self._is_buried(name) or self._unread(name)]
        some = self._leaving[-self._at_once :]
        del self._leaving[-self._at_once :]
        return [tombstone for name in some for tombstone in self._leave(name)]

    def _leave(self, name: bytes) -> list[tuple[bytes, None]]:
        if self._is_buried(name):
            return self._bury(name)
        unread = self._unread(name)
        if unread:
            self._owners[name] -= unread
        return [(name + _SEPARATOR + owner, None) for owner in sorted(unread)]

    def _is_buried(self, name: bytes) -> bool:
        """A mark that nobody needs any more."""
        return self._is_alone and name in self._marks

    def _unread(self, name: bytes) -> set[bytes]:
        """Who has written a row and counts no more."""
        return self._owners.get(name, set()) - {self.owner} - self._trusted.keys()
