"""YAML as the catalogue reads it: plain values, each with its place, and what YAML itself must not hold."""

from pathlib import Path

import pytest

from streams.catalogue.document import Document, parse_document, read_document


def _said(document: Document) -> list[str]:
    return [str(problem) for problem in document.problems]


def test_document_keeps_the_place_of_every_value_and_key() -> None:
    document = parse_document("id: a\nladder:\n  red: {enter: 0.8}\nscopes: [[], [region]]\n", "a.yaml")
    assert document.value == {"id": "a", "ladder": {"red": {"enter": 0.8}}, "scopes": [[], ["region"]]}
    assert document.mark(("ladder", "red", "enter")) == (3, 16)
    assert document.mark(("ladder", "red"), key=True) == (3, 3)
    assert document.mark(("scopes", 1, 0)) == (4, 15)


def test_document_gives_the_place_of_the_nearest_value_for_one_that_is_not_there() -> None:
    document = parse_document("id: a\nladder:\n  red: {enter: 0.8}\n", "a.yaml")
    assert document.mark(("ladder", "red", "hold")) == (3, 8)
    assert document.mark(("ladder", "red", "hold"), key=True) == (3, 8)
    assert document.mark(("nothing",)) == (1, 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on: update", {"on": "update"}),
        ("a: no", {"a": "no"}),
        ("a: true", {"a": True}),
        ("a: 012", {"a": 12}),
        ("a: 0x1f", {"a": 31}),
        ("a: 1_000", {"a": 1000}),
        ("a: 2.5e-1", {"a": 0.25}),
        ("a: 2026-07-01", {"a": "2026-07-01"}),
        ("a: 30m", {"a": "30m"}),
        ("a: ~", {"a": None}),
        ("a: '1'", {"a": "1"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_document_reads_yaml_1_2(text: str, value: object) -> None:
    document = parse_document(text, "a.yaml")
    assert document.value == value
    assert not document.problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2\n", "a.yaml:2:1: key 'a' stands twice — keep this one or the one at 1:1"),
        ("a: .nan\n", "a.yaml:1:4: .nan is not a finite number — write a number"),
        ("a: -.inf\n", "a.yaml:1:4: -.inf is not a finite number — write a number"),
        ("a: !run x\n", "a.yaml:1:4: tag '!run' is not known — write the plain value"),
        ("<<: {b: 1}\n", "a.yaml:1:1: a key that is not plain text — write the keys out one by one"),
        ("[1]: 2\n", "a.yaml:1:1: a key that is not plain text — write the keys out one by one"),
        ("", "a.yaml:1:1: the file is empty — fill it or remove it"),
        ("~", "a.yaml:1:1: the file is empty — fill it or remove it"),
        (
            "a: b: c\n",
            "a.yaml:1:5: not YAML: mapping values are not allowed here "
            "— mend the syntax (quotes, indents, colons)",
        ),
        (
            "a: &a [*a]\n",
            "a.yaml:1:4: an alias that contains itself or grows without end — write the value out",
        ),
    ],
    ids=["duplicate", "nan", "infinity", "tag", "merge", "list-as-key", "empty", "null", "syntax", "circle"],
)
def test_document_refuses_with_place_and_remedy(text: str, problem: str) -> None:
    assert _said(parse_document(text, "a.yaml")) == [problem]


def test_document_stops_an_alias_bomb() -> None:
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    document = parse_document("\n".join(lines), "a.yaml")
    assert [problem.what for problem in document.problems] == [
        "an alias that contains itself or grows without end"
    ]


def test_document_names_the_byte_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("title: 净\nzh: ".encode() + "净".encode("gbk"))
    assert _said(read_document(path, "a.yaml")) == [
        "a.yaml:2:5: byte 0xbe is not UTF-8 — save the file as UTF-8"
    ]


def test_document_takes_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfid: a\n")
    assert read_document(path, "a.yaml").value == {"id": "a"}


def test_document_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    assert _said(read_document(tmp_path, "a.yaml")) == [
        "a.yaml:1:1: cannot be read: Is a directory — mend its rights or remove it"
    ]


def test_document_with_control_characters_is_a_problem() -> None:
    document = parse_document("a: \x07\n", "a.yaml")
    assert len(document.problems) == 1
    assert document.problems[0].what.startswith("not YAML: ")
