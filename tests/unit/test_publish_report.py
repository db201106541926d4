"""The report of a publish: every refusal counted, the first ones told, all of them in the file."""

import json
from collections import Counter
from pathlib import Path

import pytest

from schemas.errors import InputError
from streams.publish.outcome import Refused, Tally
from streams.publish.report import Delivery, Refusals, as_lines, as_record

DELIVERY = Delivery(Counter(t=2))


def refused(line: int, field: str = "region") -> Refused:
    return Refused("a.csv", line, "is not known", field, "9S", "mend the row")


def test_report_shows_the_first_refusals_and_counts_the_rest() -> None:
    refusals = Refusals(shown=1)
    for one in (refused(5), refused(8), refused(9, "price")):
        refusals.add(one)

    lines = as_lines([Tally("a.csv", 5, 2, 3)], refusals, DELIVERY)

    assert lines[0] == "a.csv: 5 rows, 2 events, 3 refused"
    assert "  a.csv:5: region '9S' is not known — mend the row" in lines
    assert "  … and 1 more: region is not known" in lines
    assert "  … and 1 more: price is not known" in lines
    assert lines[-1] == "sent: 2 to t"


def test_report_says_what_was_not_sent_and_that_repeating_is_safe() -> None:
    broken = Delivery(failed=3, error="too large", interrupted=True)

    text = "\n".join(as_lines([], Refusals(shown=1), broken))

    assert "not sent: 3; last error: too large" in text
    assert "run the same command again" in text


def test_report_for_programs_holds_the_same() -> None:
    refusals = Refusals(shown=10)
    refusals.add(refused(5))
    tally = Tally("a.csv", 3, 1, 1)
    tally.skipped["without text"] = 1

    record = as_record([tally], refusals, DELIVERY)

    assert record["files"][0]["skipped"] == {"without text": 1}
    assert record["refused"] == 1
    assert record["refusals"][0]["line"] == 5
    assert json.loads(json.dumps(record)) == record


def test_refusals_are_all_written_to_the_file(tmp_path: Path) -> None:
    refusals = Refusals(shown=0, path=tmp_path / "refused.ndjson")
    for line in range(3):
        refusals.add(refused(line))
    refusals.close()

    written = [json.loads(line) for line in (tmp_path / "refused.ndjson").read_text("utf-8").splitlines()]
    assert [one["line"] for one in written] == [0, 1, 2]


def test_refusals_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        Refusals(shown=0, path=tmp_path / "no such folder" / "refused.ndjson")
