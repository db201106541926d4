"""Whatever stands in a catalogue's files, the check ends with a report of places, never with an exception."""

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from schemas.errors import CatalogueError
from streams.catalogue import default_folder, find_problems, load_catalogue

FILES = sorted(path.relative_to(default_folder()).as_posix() for path in default_folder().rglob("*.yaml"))
PLAIN = [None, True, -1, 0, 3.5, 1e300, 10**30, "", "blue", "region", "none", "0m", "9wh", "gross - ", "1/0"]
NESTED = [[], {}, [[]], [None], [1, 2], [["region"]], [{"id": 1}], {"a": 1}, {"en": 1}, {"red": None}]
STRANGE = st.sampled_from([*PLAIN, *NESTED, {"id": [1]}, {"min": None}])


def _yaml() -> YAML:
    return YAML(typ="safe")


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(one for key, item in inner for one in _places(item, (*place, key)))]


def _with(value: Any, place: tuple[Any, ...], strange: Any) -> Any:
    if not place:
        return strange
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _with(value[place[0]], place[1:], strange)
    return copy


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), file=st.sampled_from(FILES), strange=STRANGE)
def test_strange_value_anywhere_is_taken_or_reported_in_its_catalogue(
    data: st.DataObject, file: str, strange: object, tmp_path_factory: Any
) -> None:
    folder = Path(shutil.copytree(default_folder(), tmp_path_factory.mktemp("strange") / "catalogue"))
    value = _yaml().load(folder / file)
    place = data.draw(st.sampled_from(_places(value)))
    text = io.StringIO()
    _yaml().dump(_with(value, place, strange), text)
    (folder / file).write_text(text.getvalue(), encoding="utf-8")
    problems = find_problems(folder)
    assert all((folder / problem.file).exists() and problem.line > 0 for problem in problems)
    if problems:
        with pytest.raises(CatalogueError) as caught:
            load_catalogue(folder)
        assert caught.value.problems == [str(problem) for problem in problems]
    else:
        assert load_catalogue(folder).installation
