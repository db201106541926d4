"""The committed JSON Schemas are those of the models."""

import json
from pathlib import Path

import pytest

from schemas.events import KINDS, EventKind

FOLDER = Path(__file__).resolve().parents[2] / "schemas" / "events" / "json"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_schema_is_the_committed_one(kind: EventKind) -> None:
    committed = (FOLDER / f"{kind.kind}.json").read_text(encoding="utf-8")
    assert committed == json.dumps(kind.json_schema(), ensure_ascii=False, indent=2) + "\n", (
        f"if the change is meant: planwatch event schema --write {FOLDER.relative_to(FOLDER.parents[2])}"
    )


def test_every_committed_schema_has_its_kind() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(KINDS)
