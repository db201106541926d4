"""Every setting, with meaning, unit, default and how to switch it off: the only reader of the environment.

A setting `kafka.bootstrap` is the environment variable `PLANWATCH_KAFKA__BOOTSTRAP`. Secrets are
`SecretStr` and never printed.
"""

import os
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from schemas.errors import SettingsError

_UNDERSCORES = re.compile("_+")


class _Section(BaseModel):
    """Settings that belong together; a variable that names none of them is refused."""

    model_config = ConfigDict(extra="forbid")


class KafkaSettings(_Section):
    """The broker and our names on it."""

    bootstrap: str = Field(default="127.0.0.1:9092", description="brokers, comma separated")
    prefix: str = Field(
        default="planwatch", pattern=r"^[a-z0-9._-]+$", description="topics and groups begin with it"
    )
    partitions: int = Field(default=4, ge=1, description="of each input topic, when `topics apply` makes it")
    session_timeout_s: float = Field(
        default=10.0, gt=0, description="a worker unheard of this long is replaced"
    )
    heartbeat_s: float = Field(default=3.0, gt=0, description="between two signs of life to the broker")
    request_timeout_s: float = Field(default=30.0, gt=0, description="for one answer of the broker")
    idempotent: bool = Field(
        default=True, description="off only for a broker that cannot (the demonstration's)"
    )
    stall_s: float = Field(
        default=120.0, gt=0, description="work without progress this long ends the process"
    )
    cells_retention_h: float = Field(default=72.0, gt=0, description="hours that cells and inbox are kept")


class MeasureSettings(_Section):
    """Stage one."""

    flush_ms: int = Field(default=500, ge=50, description="dirty pages are written this often")
    batch: int = Field(default=2000, ge=1, description="records of one partition folded at once")
    dedupe_entries: int = Field(
        default=1_000_000, ge=0, description="ids remembered per partition; 0: no dedupe"
    )
    value_bytes: int = Field(default=1_000_000, ge=1000, description="a larger event is refused")


class EvaluateSettings(_Section):
    """Stage two."""

    commit_ms: int = Field(default=1000, ge=50, description="state is written this often")


class RespondSettings(_Section):
    """Stage three."""

    tick_s: float = Field(default=1.0, gt=0, description="between two clock ticks in the inbox")
    outbox: int = Field(default=10_000, ge=1, description="notices waiting at most; beyond: digest, counted")
    attempts: int = Field(default=8, ge=1, description="tries of one notice before it is given up, counted")


class InfluxSettings(_Section):
    """Points to InfluxDB; `url` empty switches it off."""

    url: str = Field(default="", description="http://host:8086; empty: off")
    token: SecretStr = Field(default=SecretStr(""), description="`user:password` for InfluxDB 1.8")
    org: str = Field(default="planwatch", description="organisation (2.x)")
    bucket: str = Field(default="planwatch", description="bucket, or database/retention (1.8)")
    lines: int = Field(default=5000, ge=1, description="points in one request")
    linger_s: float = Field(default=1.0, gt=0, description="a smaller batch waits this long")
    queue: int = Field(default=200_000, ge=1, description="points in memory; beyond: spill file")
    spill_mb: int = Field(default=512, ge=0, description="size of the spill file; 0: none")


class WebSettings(_Section):
    """The page of each stage: /metrics, /-/healthy, /-/ready, /status. Port 0 chooses a free one."""

    host: str = Field(default="127.0.0.1", description="listens here only; 0.0.0.0 opens it")
    measure_port: int = Field(default=6066, ge=0, le=65535)
    evaluate_port: int = Field(default=6067, ge=0, le=65535)
    respond_port: int = Field(default=6068, ge=0, le=65535)


class Settings(BaseSettings):
    """All settings; see `planwatch doctor` for those in force."""

    model_config = SettingsConfigDict(env_prefix="PLANWATCH_", env_nested_delimiter="__", extra="ignore")

    catalogue: Path | None = Field(default=None, description="folder of YAML; empty: the default that ships")
    data_dir: Path = Field(default=Path(".planwatch"), description="spill files and port notes")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING, ERROR")
    series: int = Field(
        default=10_000, ge=100, description="Prometheus series at most; the overflow is counted"
    )
    kafka: KafkaSettings = KafkaSettings()
    measure: MeasureSettings = MeasureSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    respond: RespondSettings = RespondSettings()
    influx: InfluxSettings = InfluxSettings()
    web: WebSettings = WebSettings()


@cache
def load_settings() -> Settings:
    """The settings of this process; SettingsError names each wrong variable."""
    try:
        settings = Settings()
        wrong = [*_misspelt(os.environ)]
    except ValidationError as error:
        wrong = [_wrong(item["loc"], item) for item in error.errors()]
    except UnreadableError as error:
        wrong = [str(error)]  # of a section given as JSON: it names the section and shows no value
    if wrong:
        raise SettingsError("; ".join(wrong), remedy="set or unset the variable")
    return settings


def _variable(place: tuple[int | str, ...]) -> str:
    return f"PLANWATCH_{'__'.join(map(str, place))}".upper()


def _wrong(place: tuple[int | str, ...], item: Any) -> str:
    """What is wrong with a variable. No value is shown that is a secret, or may be one under a wrong name."""
    name = _variable(place)
    section = _section(str(place[0]))
    fields = {} if section is None else section.model_fields
    if item["type"] == "extra_forbidden":
        close = get_close_matches(str(place[-1]), fields, n=1)
        return f"{name} is no setting" + (f", did you mean {_variable((place[0], *close))}?" if close else "")
    field = fields.get(str(place[-1])) if fields else Settings.model_fields[str(place[0])]
    shown = isinstance(item["input"], str) and field is not None and field.annotation is not SecretStr
    return f"{name}: {item['msg']}" + (f", got {item['input']!r}" if shown else "")


def _section(name: str) -> type[BaseModel] | None:
    """The settings that belong together under this name, if they do."""
    model = Settings.model_fields[name].annotation
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def _misspelt(environment: Iterable[str]) -> Iterator[str]:
    """Variables that are a setting but for the number of underscores; others may be somebody else's."""
    sections = {name: section for name in Settings.model_fields if (section := _section(name))}
    known = {_variable((name, field)) for name, section in sections.items() for field in section.model_fields}
    alike = {_UNDERSCORES.sub("_", name): name for name in known}
    for name in map(str.upper, environment):
        meant = alike.get(_UNDERSCORES.sub("_", name))
        if meant is not None and name not in known:
            yield f"{name} is no setting, did you mean {meant}?"
