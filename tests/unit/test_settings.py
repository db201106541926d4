"""Variables of the environment: each wrong one is named, and no secret is shown."""

from collections.abc import Iterator

import pytest

from schemas.errors import SettingsError
from streams.settings import load_settings


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def complaint() -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


def test_a_value_that_cannot_be_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANWATCH_KAFKA__PARTITIONS", "zero")
    said = complaint()
    assert "PLANWATCH_KAFKA__PARTITIONS" in said
    assert "'zero'" in said


def test_a_variable_that_is_no_setting_is_refused_with_the_one_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANWATCH_KAFKA__PARTITONS", "3")
    said = complaint()
    assert "PLANWATCH_KAFKA__PARTITONS is no setting, did you mean PLANWATCH_KAFKA__PARTITIONS?" in said


def test_a_secret_under_a_wrong_name_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANWATCH_INFLUX__TOKN", "s3cret")
    said = complaint()
    assert "did you mean PLANWATCH_INFLUX__TOKEN?" in said
    assert "s3cret" not in said


def test_a_name_that_is_like_none_has_no_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANWATCH_WEB__XYZZY", "1")
    said = complaint()
    assert "PLANWATCH_WEB__XYZZY is no setting" in said
    assert "did you mean" not in said


def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANWATCH_TEAM_ROBOT_SECRET", "of a channel")
    monkeypatch.setenv("PLANWATCH_WEB__MEASURE_PORT", "7001")
    assert load_settings().web.measure_port == 7001


@pytest.mark.parametrize("name", ["PLANWATCH_KAFKA_PARTITIONS", "planwatch_kafka___partitions"])
def test_another_number_of_underscores_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "3")
    assert f"{name.upper()} is no setting, did you mean PLANWATCH_KAFKA__PARTITIONS?" in complaint()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLANWATCH_INFLUX__TOKEN__VALUE", "s3cret"),
        ("PLANWATCH_INFLUX", '{"token": ["s3cret"]}'),
        ("PLANWATCH_INFLUX", '"s3cret"'),
        ("PLANWATCH_INFLUX", "s3cret"),
    ],
)
def test_a_secret_in_a_wrong_form_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    said = complaint()
    assert "influx" in said.lower()
    assert "s3cret" not in said
