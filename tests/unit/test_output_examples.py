"""The examples in the docstrings of the outputs are true."""

import doctest
import importlib

import pytest

MODULES = [
    "streams.exporters.base",
    "streams.exporters.influx.delivery",
    "streams.exporters.influx.lines",
    "streams.exporters.influx.transport",
    "streams.telemetry.health",
    "streams.telemetry.text",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_module_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
