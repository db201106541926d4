"""What the commands say: the stages' lines, the settings in force, the addresses of pages."""

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr

from streams.cli._checks import WITHOUT_BROKER, examine
from streams.cli._pages import ask, stage_addresses
from streams.cli.doctor import settings_in_force
from streams.cli.status import lines_of
from streams.notes import leave_note, remove_note
from streams.settings import InfluxSettings, Settings, WebSettings

COUNTS = {"received": 9, "counted": 5, "duplicate": 1, "late": 2, "expired": 1, "refused": 2}


class Page(BaseHTTPRequestHandler):
    """A page of somebody else."""

    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/none" else 200)
        self.end_headers()
        self.wfile.write(b'{"a": 1}' if self.path == "/json" else b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def somebody() -> Iterator[int]:
    """The port of a server that is not ours."""
    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_status_of_measure_adds_its_partitions_up() -> None:
    partitions = [{"counts": COUNTS, "lag": 3}, {"counts": COUNTS, "lag": None}]

    (line,) = lines_of("measure", {"ready": True, "partitions": partitions})

    assert line == (
        "measure  ready · 2 source partitions · lag 3 · counted 10, duplicate 2, late 4, expired 2, refused 4"
    )


def test_status_of_evaluate_says_how_far_time_has_come() -> None:
    tiers = [{"tier": "none"}, {"tier": "red"}]

    (line,) = lines_of("evaluate", {"ready": True, "catalogue": "ab12", "frontier_ms": 0, "tiers": tiers})

    time, tiers_line = "time has come to 1970-01-01 00:00Z", "1 of 2 rules and scopes above none"
    assert line == f"evaluate ready · catalogue ab12 · {time} · {tiers_line}"


def test_status_of_a_stage_that_is_not_ready_says_why() -> None:
    lines = list(
        lines_of("respond", {"ready": False, "reasons": {"broker": "is away"}, "warnings": {"x": "y"}})
    )

    assert lines == [
        "respond  NOT READY",
        "           not ready: broker: is away",
        "           warning: x: y",
    ]


def test_status_of_a_stage_that_stands_by_says_so() -> None:
    assert next(lines_of("respond", {"ready": True, "standby": True})) == "respond  ready, standing by"


def test_settings_in_force_hide_secrets_and_name_the_variables() -> None:
    settings = Settings(influx=InfluxSettings(token=SecretStr("geheim")))

    shown = dict(settings_in_force(settings))

    assert shown["PLANWATCH_INFLUX__TOKEN"] == "**********"
    assert shown["PLANWATCH_KAFKA__PREFIX"] == "planwatch"
    assert shown["PLANWATCH_CATALOGUE"] == ""
    assert "geheim" not in "".join(shown.values())


def test_addresses_can_be_called_even_where_everything_is_listened_on(tmp_path: Path) -> None:
    web = WebSettings(host="0.0.0.0", measure_port=1, evaluate_port=0, respond_port=3)

    assert stage_addresses(web, tmp_path) == {
        "measure": "http://127.0.0.1:1",
        "evaluate": "",
        "respond": "http://127.0.0.1:3",
    }


def test_a_port_left_to_chance_is_found_by_the_workers_note(tmp_path: Path) -> None:
    web = WebSettings(measure_port=0, evaluate_port=2, respond_port=3)
    leave_note(tmp_path, "measure", "http://127.0.0.1:4711")

    assert stage_addresses(web, tmp_path)["measure"] == "http://127.0.0.1:4711"
    remove_note(tmp_path, "measure", "http://127.0.0.1:4712")  # another worker's
    assert stage_addresses(web, tmp_path)["measure"] == "http://127.0.0.1:4711"
    remove_note(tmp_path, "measure", "http://127.0.0.1:4711")
    assert stage_addresses(web, tmp_path)["measure"] == ""


def test_page_answers_are_told_apart(somebody: int) -> None:
    base = f"http://127.0.0.1:{somebody}"

    assert ask(f"{base}/json").as_json() == {"a": 1}
    assert ask(f"{base}/none").status == 404
    assert ask(f"{base}/text").as_json() == {}
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert ask(f"http://127.0.0.1:{closed.getsockname()[1]}/").status is None


def test_doctor_finds_what_is_wrong_without_stopping_at_it(somebody: int, tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        influx=InfluxSettings(url="http://127.0.0.1:1"),
        web=WebSettings(measure_port=somebody, evaluate_port=0, respond_port=1),
    )

    lines = {line.subject: line for line in examine(settings, WITHOUT_BROKER)}

    assert not lines["influxdb"].right
    assert not lines["measure page"].right
    assert "PLANWATCH_WEB__MEASURE_PORT" in lines["measure page"].remedy
    assert lines["evaluate page"].right
    assert lines["respond page"].right
    assert lines["catalogue"].right
    assert lines["data folder"].right
