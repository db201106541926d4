"""The thread of Kafka's client says why it ended in one line of our log; stderr is for our own last line."""

import logging

import pytest

from streams.transport import ConsumerThread


def test_a_client_that_crashes_is_a_line_and_no_traceback(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = ConsumerThread.__new__(ConsumerThread)
    with caplog.at_level(logging.ERROR, "planwatch"):
        try:
            raise ConnectionError("no broker")
        except ConnectionError as error:
            thread.on_crash("{0!r} crashed: {1!r}", "ConsumerThread", error)
    assert [record.getMessage() for record in caplog.records] == [
        "'ConsumerThread' crashed: ConnectionError('no broker')"
    ]
    assert capsys.readouterr().err == ""
