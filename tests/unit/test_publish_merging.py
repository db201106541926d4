"""The merge by event time: the same as sorting everything, whatever is spilled to disk."""

import random

import pytest

from streams.publish.merging import Merge, Message


def messages(count: int, seed: int) -> list[Message]:
    draw = random.Random(seed)
    return [
        Message(draw.randrange(50), draw.randrange(3), line, "t", b"k", b"v%d" % line)
        for line in range(count)
    ]


@pytest.mark.parametrize(
    "run",
    [pytest.param(7, id="many runs"), pytest.param(1000, id="in memory"), pytest.param(1, id="runs of one")],
)
def test_merge_gives_what_sorting_everything_gives(run: int) -> None:
    given = messages(100, seed=run)
    merge = Merge(run)
    for message in given:
        merge.add(message)

    merged = list(merge)
    merge.close()

    assert merged == sorted(given, key=lambda one: (one.occurred_ms, one.file, one.line))
    assert merge.count == 100


def test_merge_keeps_files_and_lines_in_order_within_one_time() -> None:
    merge = Merge(2)
    for file, line in ((1, 1), (0, 2), (0, 1), (1, 0)):
        merge.add(Message(5, file, line, "t", b"", b""))

    assert [(one.file, one.line) for one in merge] == [(0, 1), (0, 2), (1, 0), (1, 1)]
    merge.close()
