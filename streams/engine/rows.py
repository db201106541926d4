"""Rows of a compacted changelog that can be read back as of one version, whatever was killed when.

A row is a key with the body it has from a version on. A version is the offset in the log up to which the
fold that wrote it had counted.

Writing order: rows, then the commit row that names the version they belong to. A crash in between leaves
rows *ahead* of the last commit; so each mutable row also carries the body that its owner has overwritten.
The changelog key ends in the owner's id: an owner that wakes after its time writes beside, not over, its
successor's rows. A commit names, for each earlier owner whose rows it builds on, the version up to which
they hold: what such an owner wrote ahead of that, before or after its end, is not a part of the state.
Such an owner may still write a row that its successor has deleted, with the body that it had before. So the
row that says `deleted` stays as long as an owner counts who had that row.
A commit also says how many owners there were before: that of a successor counts, however far a former
owner comes in the log. And one thing is asked of an owner: after a commit it writes nothing newer until
it knows that it was still the owner then. Its successor may build on the commit before, which a row carries
once.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.errors import StateError

Row = tuple[bytes, bytes | None]

_HEAD = struct.Struct(">Bqqii")
_MAGIC = 1
_NO_VERSION = -(2**62)
_COMMIT = b"commit"
_SEPARATOR = b"\x00"


@dataclass(frozen=True, slots=True)
class Version:
    """A body (None: deleted) and the version from which it holds."""

    number: int
    body: bytes | None


def encode_row(now: Version, before: Version | None) -> bytes:
    """The stored form of a row: the newest body and the one of the commit before.

    >>> decode_row(encode_row(Version(7, b"new"), Version(3, None)))
    [Version(number=7, body=b'new'), Version(number=3, body=None)]
    """
    previous = before or Version(_NO_VERSION, None)
    head = _HEAD.pack(_MAGIC, now.number, previous.number, _length(now.body), _length(previous.body))
    return head + (now.body or b"") + (previous.body or b"")


def decode_row(value: bytes) -> list[Version]:
    """The versions in a stored row, newest first; StateError when it is not a row."""
    if len(value) < _HEAD.size or value[0] != _MAGIC:
        raise StateError(f"a changelog row of {len(value)} bytes is not ours", remedy="planwatch rebuild")
    _, number, before, length, length_before = _HEAD.unpack_from(value)
    start, middle = _HEAD.size, _HEAD.size + max(length, 0)
    versions = [Version(number, None if length < 0 else value[start:middle])]
    if before != _NO_VERSION:
        body = None if length_before < 0 else value[middle : middle + length_before]
        versions.append(Version(before, body))
    return versions


def _encode_commit(body: bytes, claim: int, trusted: dict[bytes, int]) -> bytes:
    names = {owner.decode(): version for owner, version in sorted(trusted.items())}
    head = json.dumps({"claim": claim, "trusted": names}).encode()
    return len(head).to_bytes(4, "big") + head + body


def _decode_commit(value: bytes) -> tuple[bytes, int, dict[bytes, int]]:
    end = 4 + int.from_bytes(value[:4], "big")
    head = json.loads(value[4:end])
    return value[end:], head["claim"], {name.encode(): version for name, version in head["trusted"].items()}


def _length(body: bytes | None) -> int:
    return -1 if body is None else len(body)


class VersionedRows:
    """The rows of one partition of a changelog: filled by recovery, then written through by its owner.

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

    def __init__(self, owner: bytes) -> None:
        self.owner = owner
        self.version = -1
        self.commit_body: bytes | None = None
        self._read: dict[bytes, dict[bytes, bytes]] = {}
        self._bodies: dict[bytes, bytes] = {}
        #: what is in our own rows as of the last confirmed commit
        self._committed: dict[bytes, Version] = {}
        self._dirty: dict[bytes, Version] = {}
        self._owners: dict[bytes, set[bytes]] = {}
        self._retired: dict[bytes, None] = {}
        #: deleted rows that were found: who says so
        self._deleters: dict[bytes, bytes] = {}
        self._unconfirmed = False
        #: owners before this one
        self._claim = 0
        #: earlier owners → the version up to which their rows are a part of the state
        self._trusted: dict[bytes, int] = {}

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
        commits = []
        for owner, value in read.pop(_COMMIT, {}).items():
            commit = decode_row(value)[0]
            body, claim, trusted = _decode_commit(commit.body or b"")
            commits.append((claim, commit.number, owner, body, trusted))
        if commits:
            claim, self.version, owner, self.commit_body, trusted = max(commits, key=lambda found: found[:3])
            self._claim, self._trusted = claim + 1, {**trusted, owner: self.version}
        for name, by_owner in read.items():
            self._owners[name] = set(by_owner)
            self._settle(name, by_owner)
        self._keep_what_counts()

    def _settle(self, name: bytes, by_owner: dict[bytes, bytes]) -> None:
        versions = [
            (version.number, owner, version.body)
            for owner, value in by_owner.items()
            for version in decode_row(value)
            if version.number <= self._trusted.get(owner, _NO_VERSION)
        ]
        _, deleter, body = max(versions, key=lambda version: version[0], default=(0, b"", None))
        if body is not None:
            self._bodies[name] = body
            return
        self._retired[name] = None
        if deleter:
            self._deleters[name] = deleter

    def _keep_what_counts(self) -> None:
        """Trust owners of rows that have a body, and who deleted what one of these could write again."""
        counts = {owner for name in self._bodies for owner in self._owners[name]} & self._trusted.keys()
        self._deleters = {name: deleter for name, deleter in self._deleters.items() if counts - {deleter}}
        counts |= set(self._deleters.values())
        self._trusted = {owner: version for owner, version in self._trusted.items() if owner in counts}

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every row as of the committed version; may be read once, then the bodies are let go."""
        bodies, self._bodies = self._bodies, {}
        yield from bodies.items()

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
        if not mutable:
            return None
        return self._write(key, Version(version, None), mutable=True)

    def _write(self, key: bytes, now: Version, *, mutable: bool) -> tuple[bytes, bytes]:
        if self._unconfirmed:
            raise StateError(f"row {key!r} written before the last commit was confirmed")
        self._owners.setdefault(key, set()).add(self.owner)
        before = self._committed.get(key) if mutable else None
        if now.body is not None:
            self._retired.pop(key, None)
        if mutable:
            self._dirty[key] = now
        return key + _SEPARATOR + self.owner, encode_row(now, before)

    def commit(self, body: bytes, version: int) -> tuple[bytes, bytes]:
        """The commit record; send it only after every row before it is confirmed."""
        self.version, self.commit_body = version, body
        self._unconfirmed = True
        row = encode_row(Version(version, _encode_commit(body, self._claim, self._trusted)), None)
        return _COMMIT + _SEPARATOR + self.owner, row

    def confirmed(self) -> list[tuple[bytes, None]]:
        """After the commit is confirmed and acknowledged: the tombstones of what was deleted before it, for
        every owner seen but one who must go on saying so."""
        self._unconfirmed = False
        self._committed.update(self._dirty)
        self._dirty = {}
        retired, self._retired = self._retired, {}
        tombstones: list[tuple[bytes, None]] = []
        for name in retired:
            self._committed.pop(name, None)
            owners = self._owners.pop(name, set())
            deleter = self._deleters.pop(name, None)
            if self.owner in owners and owners & self._trusted.keys():
                deleter = self.owner
            if deleter is not None:
                self._owners[name] = {deleter}
                owners = owners - {deleter}
            tombstones.extend((name + _SEPARATOR + owner, None) for owner in sorted(owners))
        return tombstones
