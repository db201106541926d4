"""`planwatch incidents ack|solve|report|silence` through a real inbox: each command does what it says."""

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from streams.broker import Outgoing, Sender, read_topics
from streams.settings import KafkaSettings
from tests.respond_builders import Inbox, climb
from tests.servers.planwatch import REPOSITORY, environment

if TYPE_CHECKING:
    from tests.servers.tansu import Tansu


def planwatch(env: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "streams.cli.main", *words]
    return subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)


def test_commands_reach_the_fold_through_the_inbox(tansu: "Tansu", topic_prefix: str, tmp_path: Path) -> None:
    env = environment(tansu.bootstrap, topic_prefix, REPOSITORY / "deploy" / "catalogue")
    assert planwatch(env, "topics", "apply").returncode == 0
    topic, kafka = f"{topic_prefix}.inbox.v1", KafkaSettings(bootstrap=tansu.bootstrap, prefix=topic_prefix)
    written = Inbox().add(*climb("red"))
    with Sender(kafka) as sender:
        for _, value in written.log:
            sender.send(Outgoing(topic, b"k", value, partition=0))
        sender.flush()
    name = written.response.incidents()[0].id

    for words in (["ack", name, "--note", "on it"], ["solve", name], ["report", name.rpartition("-")[2]]):
        done = planwatch(env, "incidents", *words, "--by", "li", "--url", "http://127.0.0.1:9/incidents")
        assert done.returncode == 0, done.stderr
        assert "written to the inbox" in done.stdout
        assert "no respond worker answers" in done.stderr
    scope = ["--scope", "region=East", "--for", "2h", "--by", "li", "--url", "http://127.0.0.1:9/incidents"]
    assert planwatch(env, "incidents", "silence", *scope).returncode == 0

    folded = Inbox(bare=True)
    for record in read_topics(kafka, [topic]):
        folded.response.fold(record.offset, record.timestamp, record.value)
    incident = folded.response.incidents()[0]
    assert (incident.acknowledged.by, incident.acknowledged.note) == ("li", "on it")
    assert incident.solved is not None
    assert incident.reported is not None
    [silence] = folded.response.incidents_json()["silences"]
    assert (silence["id"], silence["scope"]) == ("all|region=East", {"region": "East"})
    assert json.dumps(folded.response.counts)
