"""Files under their maps: headers, junk, refusals, tables, and the same events each time."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import InputError
from schemas.eventmap import EventMap
from streams.publish.loading import load_map
from streams.publish.mapping import Draft, MappedFile, map_of
from streams.publish.outcome import Refused
from streams.publish.rows import Skipped

EVENT = {
    "kind": "order",
    "event_id": "o-${number}",
    "occurred_at": {"date": "${date}", "formats": ["%Y-%m-%d"]},
    "fields": {"amount": "${amount}"},
    "dimensions": {"region": "${region}"},
}


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def outcomes(path: Path, file_map: dict[str, object], **whole: object) -> list[Draft | Refused | Skipped]:
    event_map = EventMap.model_validate(
        {"zone": "UTC", "files": {path.name: {"events": [EVENT], **file_map}}, **whole}
    )
    return list(MappedFile(path, event_map, event_map.files[path.name]).outcomes())


def events(found: list[Draft | Refused | Skipped]) -> list[dict[str, Any]]:
    return [json.loads(one.value) for one in found if isinstance(one, Draft)]


def drafts(found: list[Draft | Refused | Skipped]) -> list[str]:
    return [event["event_id"] for event in events(found)]


def refusals(found: list[Draft | Refused | Skipped]) -> list[tuple[int, str, str]]:
    return [(one.line, one.field, one.value) for one in found if isinstance(one, Refused)]


def test_header_is_the_first_row_with_every_column_and_junk_is_skipped(tmp_path: Path) -> None:
    text = "1,2,3,4\nnumber,date,amount,region\n,,,\ncolumn,column,column,column\n7,2026-01-02,1.50,East\n"
    found = outcomes(write(tmp_path, "a.csv", text), {"skip": [{"number": ["", "column"]}]})

    assert drafts(found) == ["o-7"]
    skipped = [(one.line, one.why) for one in found if isinstance(one, Skipped)]
    assert skipped == [(1, "before the header"), (3, "without text"), (4, "as the map says")]


def test_event_leaves_out_what_is_empty(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "number,date,amount,region\n7,2026-01-02,,\n")
    (event,) = events(outcomes(path, {}))

    assert event == {"kind": "order", "event_id": "o-7", "occurred_at": "2026-01-02T12:00:00+00:00"}


def test_row_with_shifted_columns_is_refused_and_the_next_one_is_read(tmp_path: Path) -> None:
    text = "number,date,amount,region\n7,2026-01-02,1,50,East\n8,2026-01-02,1.50,East\n"
    found = outcomes(write(tmp_path, "a.csv", text), {})

    assert refusals(found) == [(2, "the row", "7,2026-01-02,1,50,East")]
    assert drafts(found) == ["o-8"]


def test_line_of_a_row_is_the_one_it_begins_on(tmp_path: Path) -> None:
    text = 'number,date,amount,region\n7,2026-01-02,1,"East\nWest"\n8,no date,1.50,East\n'
    found = outcomes(write(tmp_path, "a.csv", text), {})

    assert refusals(found) == [(4, "date", "no date")]


def test_row_in_another_encoding_is_refused_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"number,date,amount,region\n7,2026-01-02,1," + "华东".encode("gbk") + b"\n8,2026-01-02,1,East\n"
    )

    found = outcomes(path, {})

    assert [(line, field) for line, field, _ in refusals(found)] == [(2, "region")]
    assert drafts(found) == ["o-8"]


def test_file_in_the_encoding_of_the_map_is_read(tmp_path: Path) -> None:
    text = "number;date;amount;region\n7;2026-01-02;1;华东\n"
    path = write(tmp_path, "a.csv", text, "gb18030")
    (event,) = events(outcomes(path, {"encoding": "gb18030", "delimiter": ";"}))

    assert event["dimensions"] == {"region": "华东"}


def test_file_without_header_takes_the_names_of_the_map(tmp_path: Path) -> None:
    header = ["number", "date", "amount", "region"]
    found = outcomes(write(tmp_path, "a.csv", "7,2026-01-02,1,East\n"), {"header": header})

    assert drafts(found) == ["o-7"]


def test_file_whose_columns_are_not_those_of_the_map_is_an_error_that_names_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing: amount, region"):
        outcomes(write(tmp_path, "a.csv", "number,date\n7,2026-01-02\n"), {})


def test_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv"):
        outcomes(tmp_path / "nowhere.csv", {})


def test_ndjson_is_read_by_dotted_names(tmp_path: Path) -> None:
    text = (
        '{"number": 7, "date": "2026-01-02", "amount": 0.10, "where": {"region": "East"}}\n\n[1]\nno json\n'
    )
    event = EVENT | {"dimensions": {"region": "${where.region}"}}
    found = outcomes(write(tmp_path, "a.ndjson", text), {"events": [event]})

    assert events(found)[0]["amount"] == "0.10"
    assert events(found)[0]["dimensions"] == {"region": "East"}
    assert [line for line, _, _ in refusals(found)] == [3, 4]


def test_rows_go_to_the_first_event_whose_condition_holds(tmp_path: Path) -> None:
    refund = EVENT | {"kind": "refund", "when": {"amount": {"max": 0}}}
    order = EVENT | {"when": {"region": "East"}}
    text = "number,date,amount,region\n1,2026-01-02,-5,East\n2,2026-01-02,5,East\n3,2026-01-02,5,West\n"
    found = outcomes(write(tmp_path, "a.csv", text), {"events": [refund, order]})

    assert [event["kind"] for event in events(found)] == ["refund", "order"]
    assert refusals(found) == [(4, "the row", "")]


def test_lookups_go_through_several_tables_beside_the_file(tmp_path: Path) -> None:
    write(tmp_path, "products.csv", "junk,junk\nid,group,price\n1,10,2.5\n1,10,2.5\n")
    write(tmp_path, "groups.csv", "id,10,11\nname,Bikes,Bells\n")
    columns = {
        "group": {"lookup": "products", "key": "${number}", "take": "group"},
        "region": {"lookup": "groups", "key": "${group}", "take": "name"},
        "amount": {"lookup": "products", "key": "${number}", "take": "price"},
    }
    tables = {
        "products": {"file": "products.csv", "key": "id"},
        "groups": {"file": "groups.csv", "key": "id", "transposed": True},
    }
    found = outcomes(
        write(tmp_path, "a.csv", "number,date\n1,2026-01-02\n2,2026-01-02\n"),
        {"columns": columns},
        tables=tables,
    )

    assert events(found)[0]["dimensions"] == {"region": "Bikes"}
    assert refusals(found) == [(3, "number", "2")]


def test_table_with_one_key_for_two_rows_is_an_error_unless_the_map_chooses(tmp_path: Path) -> None:
    write(tmp_path, "regions.csv", "id,name\n1,East\n1,West\n")
    path = write(tmp_path, "a.csv", "number,date,amount\n1,2026-01-02,5\n")
    columns = {"region": {"lookup": "regions", "key": "${number}", "take": "name"}}
    table = {"file": "regions.csv", "key": "id"}

    with pytest.raises(InputError, match="'1' stands twice"):
        outcomes(path, {"columns": columns}, tables={"regions": table})
    for choice, region in (("first", "East"), ("last", "West")):
        tables = {"regions": table | {"repeated": choice}}
        (event,) = events(outcomes(path, {"columns": columns}, tables=tables))
        assert event["dimensions"] == {"region": region}


def test_table_that_is_missing_is_an_error_with_its_path(tmp_path: Path) -> None:
    columns = {"region": {"lookup": "regions", "key": "${number}", "take": "name"}}
    path = write(tmp_path, "a.csv", "number,date,amount\n1,2026-01-02,5\n")

    with pytest.raises(InputError, match=r"regions\.csv"):
        outcomes(path, {"columns": columns}, tables={"regions": {"file": "regions.csv", "key": "id"}})
    with pytest.raises(InputError, match="no table 'regions'"):
        outcomes(path, {"columns": columns})


def test_reading_again_gives_the_same_outcomes(tmp_path: Path) -> None:
    text = "number,date,amount,region\n1,2026-01-02,5,East\nx,bad,5,East\n2,2026-01-02,5,East\n"
    path = write(tmp_path, "a.csv", text)

    assert outcomes(path, {}) == outcomes(path, {})


def test_spread_to_an_end_counts_the_rows_of_the_file(tmp_path: Path) -> None:
    event = EVENT | {
        "occurred_at": {"spread": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}}
    }
    text = "number,amount,region\n1,5,East\n2,5,East\n"
    found = outcomes(write(tmp_path, "a.csv", text), {"events": [event]})

    times = [event["occurred_at"][11:16] for event in events(found)]
    assert times == ["00:00", "12:00"]


def test_map_of_a_file_is_the_first_pattern_that_matches(tmp_path: Path) -> None:
    maps = [
        EventMap.model_validate(
            {"files": {"Sales_2015.csv": {"events": [EVENT]}, "Sales_*.csv": {"events": [EVENT]}}}
        ),
        EventMap.model_validate({"files": {"*.csv": {"events": [EVENT]}}}),
    ]

    assert map_of(tmp_path / "Sales_2016.csv", maps) == (maps[0], maps[0].files["Sales_*.csv"])
    assert map_of(tmp_path / "other.csv", maps) == (maps[1], maps[1].files["*.csv"])
    assert map_of(tmp_path / "other.txt", maps) is None


def test_map_file_with_errors_names_every_line(tmp_path: Path) -> None:
    event = "      - kind: order\n        event_id: {cut: 3}\n"
    text = f"zone: UTC\nfiles:\n  a.csv:\n    skipp: []\n    events:\n{event}"
    path = write(tmp_path, "map.yaml", text)

    with pytest.raises(InputError) as refused:
        load_map(path)

    told = str(refused.value)
    assert "map.yaml:4:5: unknown key 'skipp'" in told
    assert "map.yaml:7:19" in told
    assert "occurred_at" in told


@pytest.mark.parametrize("name", ["adventureworks.yaml", "waimai.yaml"])
def test_map_that_ships_is_valid(name: str) -> None:
    folder = Path(__file__).resolve().parents[2] / "deploy" / "maps"

    assert load_map(folder / name).files
