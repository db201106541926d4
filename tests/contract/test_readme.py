"""The two READMEs: they say the same, nothing that is not there, and what they show is what the code does."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from schemas.base import Language
from schemas.errors import PlanwatchError
from schemas.events import KINDS, EventKind, kinds_of
from schemas.incident import Reason
from schemas.period import MINUTE_MS
from schemas.records import CatalogueRecord, Driver, Notice, Transition
from schemas.refusal import RefusalReason
from streams.catalogue import default_folder, load_catalogue
from streams.channels import kinds as channel_kinds
from streams.channels.terminal import Terminal, TerminalOptions
from streams.cli.main import command_names, load
from streams.engine.measure_read import EventReader
from streams.engine.measure_refusal import Fault
from streams.engine.respond import Response
from streams.settings import Settings
from streams.telemetry.happenings import HAPPENINGS

REPOSITORY = Path(__file__).resolve().parents[2]
LANGUAGES: dict[Language, str] = {"en": "README.md", "zh": "README.zh.md"}
DOCUMENTS = ("README.md", "README.zh.md", "CHANGELOG.md")
#: where metrics other than the counters of happenings are named
METRICS = ("streams/exporters/prometheus.py", "streams/exporters/influx/exporter.py")


def text_of(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


SOURCES = "".join(
    path.read_text(encoding="utf-8")
    for folder in ("agents", "streams")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
    if path.name != "happenings.py"
)


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every table row."""
    for line in without_blocks(text).splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def settings_of(model: BaseModel, prefix: str = "PLANWATCH_") -> Iterator[tuple[str, str]]:
    """Every setting as its variable, with its default as the table writes it."""
    for name in type(model).model_fields:
        value: Any = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from settings_of(value, f"{prefix}{name.upper()}__")
        else:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            yield f"{prefix}{name.upper()}", f"`{plain}`" if plain not in (None, "") else "–"


def commands(name: str, command: Any) -> Iterator[str]:
    members = getattr(command, "commands", {})
    for inner, one in members.items():
        yield from commands(f"{name} {inner}", one)
    if not members:
        yield f"planwatch {name}"


def exit_codes(error: type[PlanwatchError]) -> Iterator[int]:
    yield error.exit_code
    for inner in error.__subclasses__():
        yield from exit_codes(inner)


@pytest.fixture(params=LANGUAGES.values(), ids=LANGUAGES.keys())
def readme(request: pytest.FixtureRequest) -> str:
    return text_of(request.param)


def test_readme_has_each_setting_with_its_default(readme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, _ in settings_of(Settings.model_construct()):
        monkeypatch.delenv(name, raising=False)
    wanted = dict(settings_of(Settings()))
    found = {row[0].strip("`"): row[1] for row in rows(readme) if row[0].startswith("`PLANWATCH_")}
    assert found == wanted


def test_readme_names_each_command_and_no_other(readme: str) -> None:
    known = {path for name in command_names() for path in commands(name, load(name))}
    listed = {found for row in rows(readme) for found in re.findall(r"^`(planwatch [a-z ]+[a-z])", row[0])}
    assert listed == known


def test_readmes_have_the_same_headings_tables_and_blocks() -> None:
    def shape(name: str) -> list[str]:
        lines = re.sub(r"^```(\w*).*?^```$", r"```\1", text_of(name), flags=re.MULTILINE | re.DOTALL)
        marks = (re.match(r"#+ |```\w*|\||- |\d\. ", line) for line in lines.splitlines())
        return [mark[0] for mark in marks if mark]

    assert shape("README.zh.md") == shape("README.md")


@pytest.mark.parametrize("language", ["python", "sh"])
def test_readmes_show_the_same_code(language: str) -> None:
    def code(name: str) -> list[list[str]]:
        return [
            [line.split("#")[0].rstrip() for line in block.splitlines()]
            for block in blocks(text_of(name), language)
        ]

    assert code("README.md")
    assert code("README.zh.md") == code("README.md")


def test_producer_in_python_sends_an_event_that_is_counted(readme: str) -> None:
    tree = ast.parse(blocks(readme, "python")[0])
    event = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "event"
    )
    send = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "producer.send"
    )
    topic = ast.literal_eval(send.args[0])
    key = next(word.value for word in send.keywords if word.arg == "key")
    assert ast.unparse(key) == f"event['{KINDS[event['kind']].key}']"
    assert_counted(topic, json.dumps(event, ensure_ascii=False).encode())


def test_producer_in_a_shell_sends_an_event_that_is_counted(readme: str) -> None:
    block = next(one for one in blocks(readme, "sh") if "kafka-console-producer" in one)
    topic = re.findall(r"--topic (\S+)", block)[0]
    key, _, value = next(line for line in block.splitlines() if "|{" in line).partition("|")
    event = assert_counted(topic, value.encode())
    assert key == KINDS[event["kind"]].partition_key(event)


def assert_counted(topic: str, value: bytes) -> Mapping[str, Any]:
    kind: EventKind = KINDS[json.loads(value)["kind"]]
    kind.model.model_validate_json(value)
    assert topic == f"planwatch.{kind.topic}"
    event = EventReader(kinds_of(topic), load_catalogue(default_folder())).read_one(value)
    assert not isinstance(event, Fault)
    return event


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_readme_has_each_kind_with_its_fields(readme: str, kind: EventKind) -> None:
    row = next(row for row in rows(readme) if re.match(rf"`{kind.kind}`", row[0]))
    assert row[1] == f"`planwatch.{kind.topic}`"
    assert row[2] == f"`{kind.key}`"
    fields = {
        name: field
        for name, field in kind.model.model_fields.items()
        if name not in ("kind", "event_id", "occurred_at", "dimensions", "attributes")
    }
    needed = {name for name, field in fields.items() if field.is_required()}
    assert needed <= set(re.findall(r"`(\w+)`", row[3]))
    assert set(re.findall(r"`(\w+)`", row[3] + row[4])) == set(fields)


def test_readme_has_each_reason_of_refusal(readme: str) -> None:
    listed = {name for row in rows(readme) for name in re.findall(r"`(\w+)`", row[0])}
    assert {reason.value for reason in RefusalReason} <= listed


def test_readme_names_only_reasons_for_silence_that_there_are(readme: str) -> None:
    row = next(row for row in rows(readme) if "`not told`" in row[1])
    named = set(re.findall(r"`([a-z_]+)`", row[1]))
    assert {"shadow", "stale", "silenced", "no_route", "joined"} <= named & {
        reason.value for reason in Reason
    }


def test_readme_has_each_exit_code(readme: str) -> None:
    listed = {int(row[0]) for row in rows(readme) if row[0].isdecimal() and len(row) == 2}
    assert listed == {0, 130, *exit_codes(PlanwatchError)}


def test_readme_has_each_metric_that_something_counts(readme: str) -> None:
    listed = {name for row in rows(readme) for name in re.findall(r"^`(planwatch_\w+)`$", row[0])}
    counters = {f"planwatch_{kind.counter}_total": kind.__name__ for kind in HAPPENINGS if kind.counter}
    told = {name for name, kind in counters.items() if re.search(rf"\b{kind}\(", SOURCES)}
    shown = set(re.findall(r'"(planwatch_[a-z_]+)"', "".join(map(text_of, METRICS))))
    families = {f"{name}_total" if f"{name}_total" in shown else name for name in shown}
    assert told | families <= listed
    assert listed <= set(counters) | families | {"planwatch_event_to_transition_seconds"}


def test_readme_names_each_kind_of_channel() -> None:
    names = {
        "terminal": "terminal",
        "webhook": "webhook",
        "wecom": "WeCom",
        "dingtalk": "DingTalk",
        "email": "e-mail",
    }
    assert set(names) == set(channel_kinds())
    assert all(name in text_of("README.md") for name in names.values())


def test_readme_counts_the_default_catalogue(readme: str) -> None:
    catalogue = load_catalogue(default_folder())
    counts = re.findall(r"\b(\d+) (?:KPIs|rules|个指标|条规则)", readme)
    assert counts == [str(len(catalogue.kpis)), str(len(catalogue.rules))]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    text = text_of(name)
    anchors = {
        anchor(line.lstrip("# ")) for line in without_blocks(text).splitlines() if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif "://" not in target:
            assert (REPOSITORY / target.partition("#")[0]).exists(), target


def anchor(heading: str) -> str:
    """The name by which a heading is linked, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_hold_no_path_of_one_machine(name: str) -> None:
    assert not re.findall(r"(?<![\w.])/(?:work|root|home|tmp|Users)/", text_of(name))


@pytest.mark.parametrize("language", LANGUAGES)
def test_readme_shows_the_card_that_the_terminal_channel_writes(language: Language) -> None:
    notice = red_notice(language)
    assert notice.person == "duty"
    card = Terminal.render(notice, TerminalOptions()).decode()
    assert card in blocks(text_of(LANGUAGES[language]), "text")


#: what the demonstration judged of the East: tier left, entered, minutes since the first, orders, threshold
CLIMB = (
    ("none", "yellow", 0, 212.0, 0.6),
    ("yellow", "orange", 10, 134.0, 0.45),
    ("orange", "red", 19, 69.0, 0.3),
)
BEGIN_MS = 1_795_349_940_000
DRIVERS = (
    ("online", 34.0, 243.66666666666663, 0.5101378751013788),
    ("store", 35.0, 236.33333333333331, 0.4898621248986213),
)
#: how long after its minute a transition reaches respond
LATER_MS = 15_000


def red_notice(language: Language) -> Notice:
    """The first notice of the red tier: an incident that climbed there, told to people of one language."""
    response = Response("reader")
    catalogue = load_catalogue(default_folder())
    people = {
        name: person.model_copy(update={"language": language}) for name, person in catalogue.people.items()
    }
    told = CatalogueRecord(catalogue=catalogue.model_copy(update={"people": people}))
    response.fold(0, BEGIN_MS, told.model_dump_json(by_alias=True).encode())
    for seq, step in enumerate(CLIMB):
        transition = rung(seq, step)
        response.fold(seq + 1, transition.end_ms + LATER_MS, transition.model_dump_json().encode())
    response.commit()
    response.confirmed()
    return next(notice for notice in response.take() if notice.tier == "red")


def rung(seq: int, step: tuple[str, str, int, float, float]) -> Transition:
    previous, tier, minutes, orders, threshold = step
    end_ms = BEGIN_MS + minutes * MINUTE_MS
    drivers = [
        Driver(
            scope={"region": "East", "channel": channel},
            value=value,
            expected=expected,
            change=round(value / expected - 1, 6),
            share=share,
        )
        for channel, value, expected, share in DRIVERS
    ]
    return Transition(
        rule="orders_down_this_hour",
        scope={"region": "East"},
        tier=tier,
        previous=previous,
        cause="worse",
        end_ms=end_ms,
        seq=seq,
        kpi="orders",
        window="1h",
        value=orders,
        expected=480.0,
        departure=orders / 480.0,
        threshold=threshold,
        since_ms=end_ms - 10 * MINUTE_MS,
        drivers=drivers,
        catalogue="c4f89df34817",
    )
