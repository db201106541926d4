"""Points on disk while InfluxDB does not take them: a bounded queue of files that survives a restart.

Decides the form of the files and which points go first when there is no room: the oldest. What `append` has
returned from is on the disk (fsync). Refuses to know what a line says. Blocking: call it in a thread, one
call at a time; `points` and `bytes` may be read meanwhile.

A slot is a folder locked by one process; a worker that starts takes the first free one, and with it whatever
a worker before it left. Segments `00000001.seg` hold records: head (length, lines, CRC-32), then zlib data.
"""

import errno
import fcntl
import os
import struct
import zlib
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from schemas.errors import ExportError

SLOTS = 16
SEGMENTS = 8
SMALLEST_SEGMENT = 64 * 1024

_HEAD = struct.Struct(">III")


class Mark(NamedTuple):
    """What was read, from `begin` to `offset`: it may be forgotten once it is written."""

    segment: int
    begin: int
    offset: int
    lines: int


@dataclass(slots=True)
class _Segment:
    number: int
    path: Path
    size: int = 0
    read: int = 0
    lines: int = 0


class Spill:
    """The queue on disk, at most `limit` bytes.

    `lost` counts lines that were on the disk and could not be read again.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self.limit = limit
        self._segment_bytes = max(SMALLEST_SEGMENT, limit // SEGMENTS)
        self._segments: deque[_Segment] = deque()
        self._lock: BinaryIO | None = None
        self._next = 1
        #: (segment, offset) before which everything was put by an ownership that has ended
        self._former_until = (0, 0)
        self.lost = 0

    @property
    def points(self) -> int:
        """Lines that wait."""
        return sum(segment.lines for segment in tuple(self._segments))

    @property
    def bytes(self) -> int:
        """Bytes on the disk."""
        return sum(segment.size for segment in tuple(self._segments))

    def open(self) -> None:
        """Take the first free slot and what is in it; ExportError if none can be had."""
        for slot in range(SLOTS):
            folder = self._folder / f"slot-{slot}"
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                lock = (folder / "lock").open("ab")
            except OSError as error:
                raise ExportError(
                    f"{folder} cannot be written: {error.strerror}",
                    remedy="set PLANWATCH_DATA_DIR to a folder that can, or PLANWATCH_INFLUX__SPILL_MB to 0",
                ) from error
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                continue
            self._lock, self._folder = lock, folder
            self._restore()
            self.hand_over()
            return
        raise ExportError(f"all {SLOTS} slots of {self._folder} are taken", remedy="use another data folder")

    def close(self) -> None:
        """Give the slot back; what is in it stays for the next."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def hand_over(self) -> None:
        """The ownership that put what is here has ended."""
        newest = next(reversed(tuple(self._segments)), None)
        if newest is not None:
            self._former_until = newest.number, newest.size

    def is_former(self, mark: Mark) -> bool:
        """Whether an ownership that has ended put any of it here."""
        return (mark.segment, mark.begin) < self._former_until

    def append(self, lines: list[str]) -> int:
        """Put the lines behind all others, on the disk; how many old lines had to go for them.

        OSError (the disk is full) leaves the queue as it was, but for the old lines that made room.
        """
        data = zlib.compress("\n".join(lines).encode(), 3)
        record = _HEAD.pack(len(data), len(lines), zlib.crc32(data)) + data
        if len(record) > self.limit:
            raise OSError(errno.ENOSPC, "the spill file is smaller than one batch")
        dropped = self._make_room(len(record))
        segment = self._open_segment()
        with segment.path.open("r+b") as file:
            file.seek(segment.size)
            try:
                file.write(record)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):  # a record that stays cut is not read: its head says its length
                    file.truncate(segment.size)
                raise
        segment.size += len(record)
        segment.lines += len(lines)
        return dropped

    def read(self, most: int) -> tuple[list[str], Mark | None]:
        """The oldest lines, whole records, about `most` of them (at least one record), and their mark.

        They stay in the queue until `forget`. A record that was cut or changed ends its segment.
        """
        while self._segments:
            segment = self._segments[0]
            try:
                lines, offset = _read_segment(segment, most)
            except OSError:
                lines, offset = [], 0
            if lines:
                return lines, Mark(segment.number, segment.read, offset, len(lines))
            self.lost += self._drop_oldest()
        return [], None

    def forget(self, mark: Mark) -> None:
        """The lines up to the mark are written; a segment that is read to its end is removed."""
        if not self._segments or self._segments[0].number != mark.segment:
            return
        segment = self._segments[0]
        segment.read = mark.offset
        segment.lines = max(0, segment.lines - mark.lines)
        if segment.read >= segment.size:
            self.lost += self._drop_oldest()

    def _restore(self) -> None:
        for path in sorted(self._folder.glob("*.seg")):
            segment = _Segment(int(path.stem), path)
            _scan(segment)
            self._next = segment.number + 1
            if segment.lines:
                self._segments.append(segment)
            else:
                path.unlink()

    def _make_room(self, size: int) -> int:
        dropped = 0
        while self._segments and self.bytes + size > self.limit:
            dropped += self._drop_oldest()
        return dropped

    def _drop_oldest(self) -> int:
        segment = self._segments.popleft()
        segment.path.unlink(missing_ok=True)
        return segment.lines

    def _open_segment(self) -> _Segment:
        if self._segments and self._segments[-1].size < self._segment_bytes:
            return self._segments[-1]
        segment = _Segment(self._next, self._folder / f"{self._next:08d}.seg")
        segment.path.touch(mode=0o600)
        _sync_folder(self._folder)
        self._next += 1
        self._segments.append(segment)
        return segment


def _read_segment(segment: _Segment, most: int) -> tuple[list[str], int]:
    lines: list[str] = []
    offset = segment.read
    with segment.path.open("rb") as file:
        while offset < segment.size and len(lines) < most:
            record = _read_record(file, offset)
            if record is None:
                segment.size = offset
                break
            if lines and len(lines) + len(record[0]) > most:
                break
            lines += record[0]
            offset = record[1]
    return lines, offset


def _read_record(file: BinaryIO, offset: int) -> tuple[list[str], int] | None:
    file.seek(offset)
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, _, checksum = _HEAD.unpack(head)
    data = file.read(length)
    if len(data) < length or zlib.crc32(data) != checksum:
        return None
    return zlib.decompress(data).decode().split("\n"), offset + _HEAD.size + length


def _scan(segment: _Segment) -> None:
    """Count the lines of the whole records; what a crash cut off at the end does not count."""
    end = segment.path.stat().st_size
    with segment.path.open("rb") as file:
        while segment.size + _HEAD.size <= end:
            file.seek(segment.size)
            length, lines, _ = _HEAD.unpack(file.read(_HEAD.size))
            if segment.size + _HEAD.size + length > end:
                break
            segment.size += _HEAD.size + length
            segment.lines += lines


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
