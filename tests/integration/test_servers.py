"""The servers of the tests are real: each starts, answers a real request, and is gone after stop."""

import asyncio
import subprocess
import threading
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import aiosmtplib
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from playwright.async_api import Browser

from tests.servers.alertmanager import Alertmanager
from tests.servers.influx import Influx
from tests.servers.kafka import KafkaCluster
from tests.servers.ports import free_port, listening
from tests.servers.process import Server, program
from tests.servers.prometheus import Prometheus
from tests.servers.smtp import Smtp
from tests.servers.tansu import Tansu
from tests.servers.waiting import ServerError, http, wait_until


async def send_and_read_back(bootstrap: str, topic: str) -> list[bytes]:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for number in range(3):
            await producer.send_and_wait(topic, str(number).encode(), partition=0)
    async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        return [(await asyncio.wait_for(consumer.getone(), 20)).value for _ in range(3)]


async def test_kafka_keeps_what_is_sent(kafka: KafkaCluster, topic_prefix: str) -> None:
    topic = kafka.create_topic(f"{topic_prefix}-orders", partitions=2, segment_ms=1000)
    assert await send_and_read_back(kafka.bootstrap, topic) == [b"0", b"1", b"2"]


async def test_kafka_of_three_survives_a_killed_and_a_paused_node(
    kafka3: KafkaCluster, topic_prefix: str
) -> None:
    topic = kafka3.create_topic(f"{topic_prefix}-orders", partitions=3)
    kafka3.wait_in_sync()
    kafka3.kill(2)
    assert await send_and_read_back(kafka3.bootstrap, topic) == [b"0", b"1", b"2"]
    kafka3.restart(2)
    kafka3.wait_in_sync()
    kafka3.pause(3)
    kafka3.resume(3)
    kafka3.wait_members(3)


async def test_tansu_keeps_what_is_sent(tansu: Tansu, topic_prefix: str) -> None:
    from kafka.admin import KafkaAdminClient, NewTopic

    admin = KafkaAdminClient(bootstrap_servers=tansu.bootstrap)
    admin.create_topics([NewTopic(topic_prefix, 1, 1)])
    admin.close()
    assert await send_and_read_back(tansu.bootstrap, topic_prefix) == [b"0", b"1", b"2"]


async def test_influx_takes_points_of_the_client_and_answers_flux(influx: Influx) -> None:
    async with InfluxDBClientAsync(influx.url, influx.token, org=influx.org) as client:
        await client.write_api().write(
            influx.bucket, record="revenue,region=East value=5.5 1700000000000000000"
        )
    rows = influx.flux(f'from(bucket: "{influx.bucket}") |> range(start: 2023-01-01T00:00:00Z)')
    assert [(row["region"], row["_field"], row["_value"]) for row in rows] == [("East", "value", "5.5")]


async def test_influx_refuses_a_wrong_token(influx: Influx) -> None:
    with pytest.raises(OSError, match="401"):
        http(
            f"{influx.url}/api/v2/write?bucket={influx.bucket}", b"a b=1", "POST", Authorization="Token no:no"
        )


class Exposition(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"planwatch_answer 42\n")

    def log_message(self, *_: object) -> None:
        """Says nothing: a scrape every 200 ms is no news."""


def test_prometheus_scrapes_a_target_and_tells_alertmanager(
    prometheus: Prometheus, alertmanager: Alertmanager, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(
        '{"groups": [{"name": "g", "rules": [{"alert": "Answer", "expr": "planwatch_answer == 42"}]}]}'
    )
    with ThreadingHTTPServer(("127.0.0.1", free_port()), Exposition) as target:
        threading.Thread(target=target.serve_forever, args=(0.05,), daemon=True).start()
        prometheus.scrape([f"127.0.0.1:{target.server_port}"], [rules], [alertmanager.address])
        assert prometheus.value("planwatch_answer") == 42
        wait_until(alertmanager.alerts, "alertmanager holds the alert", 20)
        amtool = [program("amtool"), f"--alertmanager.url={alertmanager.url}", "alert", "query"]
        told = subprocess.run(amtool, capture_output=True, text=True, check=True).stdout
        target.shutdown()  # not sooner: without its target the alert is soon over
    assert "Answer" in told


async def test_chromium_draws_a_page(browser: Browser) -> None:
    page = await browser.new_page()
    await page.set_content("<h1>净销售额 behind plan</h1>")
    assert await page.inner_text("h1") == "净销售额 behind plan"
    assert (await page.screenshot()).startswith(b"\x89PNG")


async def test_smtp_keeps_what_it_is_sent(smtp: Smtp) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "红色预警"
    message.set_content("behind plan")
    await aiosmtplib.send(message, hostname=smtp.host, port=smtp.port)
    assert [(kept["Subject"], kept.get_content()) for kept in smtp.messages] == [
        ("红色预警", "behind plan\n")
    ]


@pytest.mark.parametrize("make", [Tansu, Influx, Prometheus, Alertmanager])
def test_server_is_gone_after_stop(make: type[Server]) -> None:
    with make() as server:
        pid, folder, port = server.pid, server.folder, server.port
        assert listening(port)
    assert not Path(f"/proc/{pid}").exists()
    assert not folder.exists()
    assert not listening(port)


def test_killed_server_comes_back_with_its_data() -> None:
    with Influx() as server:
        server.write("revenue value=1 1700000000000000000")
        server.kill()
        assert not listening(server.port)
        server.start()
        assert server.influxql(f"SELECT value FROM {server.database}.{server.retention}.revenue")


def test_server_that_is_not_installed_fails_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ServerError, match="prometheus is not installed; `tests/run integration`"):
        Prometheus().start()
