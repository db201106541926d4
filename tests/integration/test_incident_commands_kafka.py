"""`planwatch incidents ack|solve|report|silence` through a real inbox: each command does what it says."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from streams.broker import Outgoing, Sender, read_topics
from streams.engine.respond import Response
from streams.settings import KafkaSettings
from tests.respond_builders import Inbox, climb
from tests.servers.planwatch import REPOSITORY, environment

if TYPE_CHECKING:
    from tests.servers.tansu import Tansu

NOWHERE = "http://127.0.0.1:9/incidents"


class Installation:
    """An inbox on the broker in which red was told, and the command line beside it."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.env = environment(bootstrap, prefix, REPOSITORY / "deploy" / "catalogue")
        self.kafka = KafkaSettings(bootstrap=bootstrap, prefix=prefix)
        self.topic = f"{prefix}.inbox.v1"
        assert self.run("topics", "apply").returncode == 0
        written = Inbox().add(*climb("red"))
        with Sender(self.kafka) as sender:
            for _, value in written.log:
                sender.send(Outgoing(self.topic, b"k", value, partition=0))
            sender.flush()
        self.incident = written.response.incidents()[0].id

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "streams.cli.main", *words]
        return subprocess.run(
            command, cwd=REPOSITORY, env=self.env, capture_output=True, text=True, check=False
        )

    def fold(self) -> Response:
        """What a worker would know now."""
        response = Response("reader")
        for record in read_topics(self.kafka, [self.topic]):
            response.fold(record.offset, record.timestamp, record.value)
        return response


@pytest.fixture
def installation(tansu: "Tansu", topic_prefix: str) -> Installation:
    return Installation(tansu.bootstrap, topic_prefix)


@contextmanager
def page(source: Callable[[], dict[str, Any]]) -> Iterator[str]:
    """A page that shows what the source gives."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(source()).encode())

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/incidents"
        server.shutdown()
        thread.join()


def test_commands_reach_the_fold_without_a_worker_to_show_it(installation: Installation) -> None:
    for words in (["ack", installation.incident, "--note", "on it"], ["solve", installation.incident]):
        done = installation.run("incidents", *words, "--by", "li", "--url", NOWHERE)
        assert done.returncode == 0, done.stderr
        assert "written to the inbox" in done.stdout
        assert "no respond worker answers" in done.stderr
    incident = installation.fold().incidents()[0]
    assert (incident.acknowledged.by, incident.acknowledged.note) == ("li", "on it")
    assert incident.solved is not None


def test_commands_are_confirmed_by_the_page_of_the_worker(installation: Installation) -> None:
    name = installation.incident
    with page(lambda: installation.fold().incidents_json()) as url:
        done = installation.run("incidents", "report", name.rpartition("-")[2], "--by", "li", "--url", url)
        assert (done.returncode, done.stdout) == (0, f"{name} reported\n"), done.stderr
        scope = ["--scope", "region=East", "--by", "li", "--url", url]
        silenced = installation.run("incidents", "silence", *scope, "--for", "2h")
        assert silenced.stdout == "silence all|region=East for 2h\n", silenced.stderr
        [silence] = installation.fold().incidents_json()["silences"]
        assert (silence["scope"], silence["by"]) == ({"region": "East"}, "li")
        ended = installation.run("incidents", "silence", *scope, "--for", "0m")
        assert ended.stdout == "silence all|region=East ended\n", ended.stderr
    assert installation.fold().incidents_json()["silences"] == []
