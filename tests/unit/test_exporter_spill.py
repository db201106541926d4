"""Points on disk: in order, bounded, there again after a restart, and never a half record."""

import hashlib
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import ExportError
from streams.exporters.influx.spill import SLOTS, Spill


class Opener(Protocol):
    """Opens a spill file that is closed when the test ends."""

    def __call__(self, folder: Path, limit: int = 1 << 20) -> Spill: ...


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Opens spill files."""
    spills: list[Spill] = []

    def open_one(folder: Path, limit: int = 1 << 20) -> Spill:
        spills.append(Spill(folder, limit))
        spills[-1].open()
        return spills[-1]

    yield open_one
    for spill in spills:
        spill.close()


def drain(spill: Spill, most: int = 1000) -> list[str]:
    lines: list[str] = []
    while True:
        batch, mark = spill.read(most)
        if mark is None:
            return lines
        lines += batch
        spill.forget(mark)


def segments(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.seg"))


def incompressible(count: int, seed: int) -> list[str]:
    return [hashlib.sha256(f"{seed} {n}".encode()).hexdigest() for n in range(count)]


def test_lines_come_back_in_order_and_leave_nothing_behind(opened: Opener, tmp_path: Path) -> None:
    spill = opened(tmp_path)
    spill.append(["a", "b"])
    spill.append(["c 东"])
    assert (spill.points, drain(spill), spill.points) == (3, ["a", "b", "c 东"], 0)
    assert segments(tmp_path) == []


def test_lines_that_were_read_stay_until_they_are_forgotten(opened: Opener, tmp_path: Path) -> None:
    spill = opened(tmp_path)
    spill.append(["a"])
    assert spill.read(10)[0] == spill.read(10)[0] == ["a"]


def test_read_takes_whole_records_up_to_the_number_asked(opened: Opener, tmp_path: Path) -> None:
    spill = opened(tmp_path)
    for record in (["a", "b"], ["c", "d"], ["e"]):
        spill.append(record)
    assert spill.read(1)[0] == ["a", "b"]
    assert spill.read(3)[0] == ["a", "b"]
    assert spill.read(4)[0] == ["a", "b", "c", "d"]


@given(
    records=st.lists(st.lists(st.text("ab东", min_size=1), min_size=1, max_size=4), max_size=12),
    most=st.integers(1, 9),
    written=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_restart_anywhere_gives_each_line_at_least_once_and_in_order(
    records: list[list[str]], most: int, written: bool
) -> None:
    lines = [line for record in records for line in record]
    with tempfile.TemporaryDirectory() as folder:
        spill = Spill(Path(folder), 1 << 20)
        spill.open()
        for record in records:
            spill.append(record)
        first, mark = spill.read(most)
        if mark is not None and written:
            spill.forget(mark)
        spill.close()
        after = Spill(Path(folder), 1 << 20)
        after.open()
        again = drain(after, most)
        after.close()
    assert again in (lines, lines[len(first) :])


def test_full_file_drops_its_oldest_lines_and_says_how_many(opened: Opener, tmp_path: Path) -> None:
    limit = 256 * 1024
    spill = opened(tmp_path, limit)
    put = [incompressible(500, seed) for seed in range(30)]
    dropped = sum(spill.append(lines) for lines in put)
    assert dropped > 0
    assert spill.bytes <= limit
    everything = [line for lines in put for line in lines]
    assert drain(spill) == everything[dropped:]


def test_batch_larger_than_the_file_is_a_full_disk_and_changes_nothing(
    opened: Opener, tmp_path: Path
) -> None:
    spill = opened(tmp_path, 1024)
    spill.append(["a"])
    with pytest.raises(OSError, match="smaller than one batch"):
        spill.append(incompressible(500, 1))
    assert drain(spill) == ["a"]


def test_disk_that_fills_within_a_record_leaves_the_lines_before_and_takes_more_later(
    opened: Opener, tmp_path: Path
) -> None:
    spill = opened(tmp_path)
    spill.append(["a"])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (segments(tmp_path)[0].stat().st_size + 100, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            spill.append(incompressible(500, 1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert spill.points == 1
    spill.append(["b"])
    spill.close()
    assert drain(opened(tmp_path)) == ["a", "b"]


def test_mark_of_lines_that_were_dropped_meanwhile_changes_nothing(opened: Opener, tmp_path: Path) -> None:
    spill = opened(tmp_path, 128 * 1024)
    spill.append(incompressible(1500, 1))
    mark = spill.read(10)[1]
    assert mark is not None
    kept = incompressible(1500, 2)
    dropped = spill.append(kept) + spill.append(kept)
    spill.forget(mark)
    assert drain(spill) == [*kept, *kept][dropped - 1500 :]


@pytest.mark.parametrize("cut", [1, 5, 11, 14], ids=lambda cut: f"{cut}_bytes_missing")
def test_record_that_a_crash_cut_off_is_not_there(opened: Opener, tmp_path: Path, cut: int) -> None:
    spill = opened(tmp_path)
    spill.append(["a", "b"])
    spill.append(["c"])
    spill.close()
    (segment,) = segments(tmp_path)
    segment.write_bytes(segment.read_bytes()[:-cut])
    again = opened(tmp_path)
    assert again.points == 2
    again.append(["d"])
    assert drain(again) == ["a", "b", "d"]
    assert again.lost == 0


def test_record_that_was_changed_ends_its_file_and_its_lines_are_counted_as_lost(
    opened: Opener, tmp_path: Path
) -> None:
    spill = opened(tmp_path)
    for record in (["a"], ["b", "c"], ["d"]):
        spill.append(record)
    (segment,) = segments(tmp_path)
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0xFF
    segment.write_bytes(bytes(content))
    assert drain(spill) == ["a"]
    assert (spill.lost, spill.points) == (3, 0)


def test_file_that_somebody_removed_is_lost_and_the_next_are_read(opened: Opener, tmp_path: Path) -> None:
    spill = opened(tmp_path, 512 * 1024)
    for seed in range(3):
        spill.append(incompressible(2000, seed))
    segments(tmp_path)[0].unlink()
    assert len(drain(spill, 5000)) == 6000 - spill.lost
    assert spill.lost > 0


def test_file_without_a_whole_record_is_removed_at_the_start(opened: Opener, tmp_path: Path) -> None:
    opened(tmp_path).close()
    (tmp_path / "slot-0" / "00000009.seg").write_bytes(b"cut")
    again = opened(tmp_path)
    assert segments(tmp_path) == []
    again.append(["a"])
    assert [path.name for path in segments(tmp_path)] == ["00000010.seg"]


def test_second_worker_takes_a_slot_of_its_own_and_a_later_one_what_was_left(
    opened: Opener, tmp_path: Path
) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    first.append(["of the first"])
    second.append(["of the second"])
    first.close()
    assert drain(opened(tmp_path)) == ["of the first"]
    assert drain(second) == ["of the second"]


def test_folder_that_cannot_be_used_is_refused_with_the_setting(opened: Opener, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="PLANWATCH_DATA_DIR"):
        opened(tmp_path / "file")


def test_all_slots_taken_is_refused(opened: Opener, tmp_path: Path) -> None:
    for _ in range(SLOTS):
        opened(tmp_path)
    with pytest.raises(ExportError, match="slots"):
        opened(tmp_path)


def test_files_are_readable_by_their_owner_only(opened: Opener, tmp_path: Path) -> None:
    opened(tmp_path).append(["a"])
    assert [path.stat().st_mode & 0o077 for path in segments(tmp_path)] == [0]
