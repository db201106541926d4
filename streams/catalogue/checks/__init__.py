"""What a catalogue must not say, one file a subject; every check reports all it finds."""

from collections.abc import Iterator

from streams.catalogue.checks import channels, installation, kpis, people, rules, structure
from streams.catalogue.checks.channels import Kinds
from streams.catalogue.draft import Draft
from streams.catalogue.problem import Problem

_CHECKS = (installation.check, structure.check, kpis.check, rules.check, people.check)


def all_problems(draft: Draft, kinds: Kinds | None) -> Iterator[Problem]:
    """Everything that contradicts itself or names what does not exist; `kinds` are those of channels."""
    for check in _CHECKS:
        yield from check(draft)
    yield from channels.check(draft, kinds)
