"""The commands about incidents and channels as they are called, on a page like the respond worker's."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from schemas.errors import ChannelError, InputError, PlanwatchError
from schemas.records import Acknowledge, SelfAlert
from streams.catalogue import default_folder
from streams.cli._inbox import find, incidents_of, page_url, wait_until
from streams.cli.main import root
from streams.settings import Settings, WebSettings
from tests.respond_builders import T0, Inbox, climb, fall
from tests.servers.ports import free_port

Run = Callable[..., Result]
EAST = {"region": "East"}


@pytest.fixture
def run() -> Run:
    """Runs `planwatch WORDS…`; errors of ours come back as the result's exception."""
    return lambda *words: CliRunner().invoke(root(), [str(word) for word in words])


@pytest.fixture
def inbox() -> Inbox:
    """A red incident that is acknowledged, one in the East that ended, one of Planwatch itself."""
    made = Inbox().add(*climb("red"))
    made.add(Acknowledge(incident=made.response.incidents()[0].id, by="li", note="on it"))
    alert = SelfAlert(what="lag", subject="measure", on=True, tier="yellow", text="behind", at_ms=T0)
    return made.add(alert, *climb("blue", scope=EAST), *fall("blue", end_ms=T0 + 1, scope=EAST))


@pytest.fixture
def url(inbox: Inbox) -> Iterator[str]:
    """The address of a page that shows the inbox as it is."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(inbox.response.incidents_json()).encode()
            self.send_response(200 if self.path == "/incidents" else 404)
            self.end_headers()
            self.wfile.write(body if self.path == "/incidents" else b"[]")

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/incidents"
        server.shutdown()
        thread.join()


def test_list_shows_open_incidents_gravest_first_with_their_next_deadline(run: Run, url: str) -> None:
    done = run("incidents", "list", "--url", url)
    header, *rows = done.stdout.splitlines()
    assert done.exit_code == 0
    assert header.split()[:2] == ["INCIDENT", "TIER"]
    assert [row.split()[1:4] for row in rows] == [
        ["red", "acknowledged", "company"],
        ["yellow", "open", "measure"],
    ]
    assert rows[0].endswith("22 Nov 2026, 12:00")


def test_list_shows_what_is_over_when_asked(run: Run, url: str) -> None:
    done = run("incidents", "list", "--all", "--json", "--url", url)
    shown = json.loads(done.stdout)
    assert [one["scope"] for one in shown if one["resolved_ms"] is not None] == [EAST]
    text = run("incidents", "list", "--all", "--url", url).stdout
    assert "resolved" in text
    assert "region=East" in text


def test_show_tells_the_whole_story(run: Run, url: str, inbox: Inbox) -> None:
    name = inbox.response.incidents()[0].id
    done = run("incidents", "show", name.rpartition("-")[2], "--url", url)
    assert done.exit_code == 0
    for part in (
        f"{name}  red  acknowledged",
        "revenue  412300, expected 486100",
        "clock     acknowledge (red) by 22 Nov 2026, 10:30: met by li",
        "told      li on mail (level 1)",
        "acknowledged  li: on it",
    ):
        assert part in done.stdout
    assert json.loads(run("incidents", "show", name, "--json", "--url", url).stdout)["id"] == name


def test_show_of_an_alert_about_planwatch_itself_has_its_text(run: Run, url: str) -> None:
    assert "behind" in run("incidents", "show", "planwatch-lag", "--url", url).stdout


def test_show_says_why_nobody_was_told(run: Run, url: str, inbox: Inbox) -> None:
    name = next(one.id for one in inbox.response.incidents() if one.scope == EAST)
    assert "not told  no_route" in run("incidents", "show", name, "--url", url).stdout


def test_a_list_without_incidents_says_so(run: Run, url: str, inbox: Inbox) -> None:
    inbox.response = Inbox().response
    done = run("incidents", "list", "--url", url)
    assert (done.exit_code, done.stderr) == (0, "no open incident\n")


@pytest.mark.parametrize("words", [["show", "nobody"], ["ack", "nobody"]])
def test_an_unknown_incident_is_refused(run: Run, url: str, words: list[str]) -> None:
    done = run("incidents", *words, "--url", url)
    assert isinstance(done.exception, InputError)
    assert "no incident is called 'nobody'" in str(done.exception)


def test_a_name_that_several_have_is_refused(inbox: Inbox) -> None:
    incidents = incidents_of(inbox.response.incidents_json())
    with pytest.raises(InputError, match="2 incidents are called 'revenue-down'"):
        find(incidents, "revenue-down")


def test_without_a_worker_the_command_says_what_to_start(run: Run) -> None:
    done = run("incidents", "list", "--url", f"http://127.0.0.1:{free_port()}/incidents")
    assert isinstance(done.exception, PlanwatchError)
    assert "planwatch worker" in str(done.exception)


def test_another_page_is_not_taken_for_the_workers(run: Run, url: str) -> None:
    done = run("incidents", "list", "--url", url.replace("/incidents", "/other"))
    assert isinstance(done.exception, PlanwatchError)


def test_waiting_ends_when_the_effect_is_seen_or_nobody_answers(url: str) -> None:
    assert wait_until(url, lambda page: page["version"] > 0, 5.0)
    assert not wait_until(url, lambda _: False, 0.15)
    assert not wait_until(f"http://127.0.0.1:{free_port()}/", lambda _: True, 5.0)


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1")])
def test_the_page_is_where_the_settings_say(host: str, shown: str) -> None:
    settings = Settings(web=WebSettings(host=host, respond_port=7000))
    assert page_url(settings) == f"http://{shown}:7000/incidents"


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--for", "soon"], "not a duration"), (["--scope", "East"], "region=East")],
    ids=["duration", "scope"],
)
def test_a_silence_that_cannot_be_read_is_refused(run: Run, words: list[str], said: str) -> None:
    done = run("incidents", "silence", *words)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The default catalogue with a channel that cannot be used."""
    copy = Path(shutil.copytree(default_folder(), tmp_path / "catalogue"))
    with (copy / "channels.yaml").open("a", encoding="utf-8") as file:
        file.write("- id: robot\n  kind: wecom\n  options: {nope: 1}\n")
    return copy


def test_channels_list_says_which_cannot_be_used(run: Run, folder: Path) -> None:
    done = run("channels", "list", "--catalogue", folder)
    assert done.exit_code == ChannelError.exit_code
    assert [line.split()[:3] for line in done.stdout.splitlines()] == [
        ["terminal", "terminal", "ok"],
        ["robot", "wecom", "channel"],
    ]
    shown = json.loads(run("channels", "list", "--json", "--catalogue", folder).stdout)
    assert set(shown["kinds"]) >= {"dingtalk", "email", "terminal", "webhook", "wecom"}


def test_channels_list_of_the_default_catalogue_is_all_well(run: Run) -> None:
    assert run("channels", "list", "--catalogue", default_folder()).exit_code == 0


@pytest.mark.parametrize(("language", "said"), [("en", "Test: Planwatch"), ("zh", "【测试】Planwatch")])
def test_channels_test_sends_a_card(run: Run, language: str, said: str) -> None:
    done = run("channels", "test", "terminal", "--language", language, "--catalogue", default_folder())
    assert done.exit_code == 0
    assert said in done.stdout
    assert done.stderr == "terminal: taken\n"


@pytest.mark.parametrize(
    ("words", "error"),
    [(["nowhere"], InputError), (["terminal", "--language", "fr"], InputError), (["robot"], ChannelError)],
    ids=["channel", "language", "options"],
)
def test_channels_test_of_what_cannot_be_used_fails(
    run: Run, folder: Path, words: list[str], error: type[Exception]
) -> None:
    done = run("channels", "test", *words, "--catalogue", folder)
    assert isinstance(done.exception, error)
