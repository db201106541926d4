"""The stored form of changelog rows and of the commit row that names the version they belong to."""

import json
import struct
from dataclasses import dataclass

from schemas.errors import StateError

_HEAD = struct.Struct(">Bqqii")
_MAGIC = 1
NO_VERSION = -(2**62)


@dataclass(frozen=True, slots=True)
class Version:
    """A body (None: deleted) and the version from which it holds."""

    number: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Former:
    """An owner before: the number of its ownership, and the version up to which its rows are a part of the
    state.
    """

    claim: int
    version: int


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit row says: whose it is, what the fold noted, and which former owners' rows count."""

    claim: int
    body: bytes
    trusted: dict[bytes, Former]


def encode_row(now: Version, before: Version | None) -> bytes:
    """The stored form of a row: the newest body and the one of the commit before.

    >>> decode_row(encode_row(Version(7, b"new"), Version(3, None)))
    [Version(number=7, body=b'new'), Version(number=3, body=None)]
    """
    previous = before or Version(NO_VERSION, None)
    head = _HEAD.pack(_MAGIC, now.number, previous.number, _length(now.body), _length(previous.body))
    return head + (now.body or b"") + (previous.body or b"")


def decode_row(value: bytes) -> list[Version]:
    """The versions in a stored row, newest first; StateError when it is not a row."""
    if len(value) < _HEAD.size or value[0] != _MAGIC:
        raise StateError(f"a changelog row of {len(value)} bytes is not ours", remedy="planwatch rebuild")
    _, number, before, length, length_before = _HEAD.unpack_from(value)
    start, middle = _HEAD.size, _HEAD.size + max(length, 0)
    versions = [Version(number, None if length < 0 else value[start:middle])]
    if before != NO_VERSION:
        body = None if length_before < 0 else value[middle : middle + length_before]
        versions.append(Version(before, body))
    return versions


def encode_commit(commit: Commit) -> bytes:
    """The body of a commit row.

    >>> decode_commit(encode_commit(Commit(2, b"{}", {b"a": Former(1, 70)})))
    Commit(claim=2, body=b'{}', trusted={b'a': Former(claim=1, version=70)})
    """
    trusted = {name.decode(): [one.claim, one.version] for name, one in sorted(commit.trusted.items())}
    head = json.dumps({"claim": commit.claim, "trusted": trusted}).encode()
    return len(head).to_bytes(4, "big") + head + commit.body


def decode_commit(value: bytes) -> Commit:
    """What `encode_commit` was given; StateError when an earlier version of planwatch wrote it."""
    end = 4 + int.from_bytes(value[:4], "big")
    try:
        head = json.loads(value[4:end])
        trusted = {name.encode(): Former(*found) for name, found in head["trusted"].items()}
        return Commit(head["claim"], value[end:], trusted)
    except (ValueError, TypeError, KeyError) as error:
        raise StateError(
            f"a commit row of {len(value)} bytes cannot be read: {error!r}", remedy="planwatch rebuild"
        ) from error


def _length(body: bytes | None) -> int:
    return -1 if body is None else len(body)
