"""Who is told, and where: people, channels, routes."""

from typing import Any

from pydantic import Field

from schemas.base import Language, Model, Name, Scope


class Person(Model):
    """One person: `level` 1 is the owner, 2 the department head, 3 the executive.

    `scope` is what he answers for (`{}`: the whole company). `contacts`: channel name → address on it
    (an e-mail address, a WeCom user id, a mobile number…).
    """

    id: Name
    name: str
    level: int = Field(ge=1, le=3)
    scope: Scope = Field(default_factory=dict)
    language: Language = "zh"
    contacts: dict[Name, str] = Field(default_factory=dict)


class Channel(Model):
    """One configured channel: `kind` names the file in streams/channels, `options` its own settings.

    A secret is given as the name of an environment variable or file (`secret_env`, `secret_file`), never
    as a value.
    """

    id: Name
    kind: Name
    options: dict[str, Any] = Field(default_factory=dict)


class Route(Model):
    """Transitions that reach one of `tiers` and lie in `scope` go to `people` on `channels`.

    `rules` limits it to these rules (empty: all). The first routes that match all apply (no first-match
    stop); a person is told once per channel.
    """

    id: Name
    tiers: list[Name] = Field(min_length=1)
    scope: Scope = Field(default_factory=dict)
    rules: list[Name] = Field(default_factory=list)
    people: list[Name] = Field(min_length=1)
    channels: list[Name] = Field(min_length=1)
