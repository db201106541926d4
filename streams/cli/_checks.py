"""The questions that `planwatch doctor` asks, each answered by lines: right or wrong, and the remedy.

A question never raises: what goes wrong is its answer.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from typing import NamedTuple

from schemas.errors import PlanwatchError
from streams.admin import Admin, check_topics
from streams.admin.skew import clock_skew_ms
from streams.catalogue import default_folder, find_problems
from streams.cli._pages import ask, stage_addresses
from streams.clock import WallClock
from streams.settings import Settings
from streams.telemetry.text import redact

#: a clock further off than this makes events look late or from the future
_SKEW_MS = 2000
_PACKAGES = ("faust-streaming", "aiokafka", "kafka-python", "pydantic", "numpy", "influxdb-client")


class Line(NamedTuple):
    """One answer."""

    right: bool
    subject: str
    text: str
    remedy: str = ""


Question = Callable[[Settings], Iterator[Line]]


def examine(settings: Settings, questions: Sequence[Question] | None = None) -> Iterator[Line]:
    """The answers to the questions, all of them unless some are chosen, in the order one would look.

    A secret that stands in an address is not shown.
    """
    for line in _answers(settings, QUESTIONS if questions is None else questions):
        yield line._replace(text=redact(line.text), remedy=redact(line.remedy))


def _answers(settings: Settings, questions: Sequence[Question]) -> Iterator[Line]:
    for question in questions:
        try:
            yield from question(settings)
        except PlanwatchError as error:
            yield Line(False, question.__name__.strip("_"), error.what, error.remedy)
        except OSError as error:
            yield Line(False, question.__name__.strip("_"), str(error))


def _versions(_: Settings) -> Iterator[Line]:
    python = ".".join(map(str, sys.version_info[:3]))
    right = sys.version_info >= (3, 11)
    yield Line(right, "python", python, "" if right else "install Python 3.11 or newer")
    installed = ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)
    yield Line(True, "packages", installed)


def _settings(settings: Settings) -> Iterator[Line]:
    folder = settings.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".doctor"
    probe.write_bytes(b"")
    probe.unlink()
    yield Line(True, "data folder", f"{folder.resolve()} can be written")


def _catalogue(settings: Settings) -> Iterator[Line]:
    folder = settings.catalogue or default_folder()
    problems = find_problems(folder)
    for problem in problems:
        where = f"{problem.file}:{problem.line}:{problem.column}"
        yield Line(False, "catalogue", f"{where}: {problem.what}", problem.remedy)
    if not problems:
        yield Line(True, "catalogue", str(folder))


def _broker(settings: Settings) -> Iterator[Line]:
    with Admin(settings.kafka) as admin:
        count = admin.brokers()
        some = "1 broker" if count == 1 else f"{count} brokers"
        yield Line(True, "broker", f"{settings.kafka.bootstrap}: {some}, protocol {admin.version()}")
        skew = clock_skew_ms(settings.kafka, admin, WallClock())
    if skew is None:
        yield Line(True, "clock", "this broker does not tell its time")
    else:
        right = abs(skew) <= _SKEW_MS
        text = f"{skew:+d} ms against the broker"
        yield Line(right, "clock", text, "" if right else "set both clocks by NTP")


def _topics(settings: Settings) -> Iterator[Line]:
    check_topics(settings)
    yield Line(True, "topics", f"all of {settings.kafka.prefix} are there, partitions agree")


def _influx(settings: Settings) -> Iterator[Line]:
    url = settings.influx.url
    if not url:
        yield Line(True, "influxdb", "off (PLANWATCH_INFLUX__URL is empty)")
        return
    answer = ask(f"{url.rstrip('/')}/ping")
    right = answer.status in (200, 204)
    told = "answers" if right else answer.body[:200] or f"status {answer.status}"
    remedy = "is it up, and is PLANWATCH_INFLUX__URL right?"
    yield Line(right, "influxdb", f"{url} {told}", "" if right else remedy)


def _pages(settings: Settings) -> Iterator[Line]:
    for stage, address in stage_addresses(settings.web, settings.data_dir).items():
        yield _page(stage, address)


def _page(stage: str, address: str) -> Line:
    subject = f"{stage} page"
    if not address:
        return Line(True, subject, "takes any free port")
    answer = ask(f"{address}/-/healthy")
    if answer.status == 200 and "Planwatch" in answer.body:
        ready = ask(f"{address}/-/ready")
        if ready.status == 200:
            return Line(True, subject, f"{address} answers, ready")
        reasons = ready.as_json().get("reasons", {})
        text = "; ".join(f"{name}: {text}" for name, text in reasons.items())
        return Line(False, subject, f"{address} answers, not ready: {text}", "`planwatch status` says more")
    if answer.status is None:
        return Line(True, subject, f"{address} is free: no worker runs here")
    remedy = f"end what listens there, or set PLANWATCH_WEB__{stage.upper()}_PORT"
    return Line(False, subject, f"{address} is taken by something else", remedy)


WITHOUT_BROKER: tuple[Question, ...] = (_versions, _settings, _catalogue, _influx, _pages)
QUESTIONS: tuple[Question, ...] = (_versions, _settings, _catalogue, _broker, _topics, _influx, _pages)
