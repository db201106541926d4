"""What a channel is to the rest: options without secrets, a pure `render`, a pace, and `send`.

A channel decides how a card is laid out and whether a refusal is worth another try. It refuses to know why a
notice is sent, and when: the dispatcher keeps its pace and its retries.
"""

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TextIO, TypeVar

from pydantic import BaseModel, ConfigDict

from schemas.errors import ChannelError
from schemas.records import Notice
from streams.clock import Clock, WallClock


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `count` messages in any `per_s` seconds."""

    count: int
    per_s: float


@dataclass(frozen=True, slots=True)
class Deps:
    """What channels are given: the clock, where secrets are named, where the terminal is."""

    clock: Clock = field(default_factory=WallClock)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    out: TextIO = field(default_factory=lambda: sys.stdout)


class Options(BaseModel):
    """The options of a channel as the catalogue has them. Secrets are named here, never held."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class SecretName:
    """Where a secret is: the name of an environment variable, or of a file whose content it is."""

    env: str | None
    file: Path | None

    @property
    def is_given(self) -> bool:
        """The options name a secret."""
        return bool(self.env or self.file)

    def read(self, channel: str, deps: Deps) -> str:
        """The secret, read anew each time, so that it may be changed while the worker runs.

        ChannelError says what is not there, never what is.
        """
        if self.env:
            value = deps.environment.get(self.env, "")
            where = f"the environment variable {self.env}"
        elif self.file:
            value, where = _content(self.file), f"the file {self.file}"
        else:
            value, where = "", "an option that ends in _env or _file"
        if not value.strip():
            raise ChannelError(
                f"channel {channel}: {where} holds no secret",
                remedy="set it and restart the worker",
                retry=False,
            )
        return value.strip()


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


Opts = TypeVar("Opts", bound=Options)


class ChannelPort(ABC, Generic[Opts]):
    """One configured channel of one kind.

    `shared`: a message reaches a whole group; notices with the same card go there as one, their addresses
    joined by commas. `limit` is the largest `size` of a rendered card in bytes.
    """

    kind: ClassVar[str]
    shared: ClassVar[bool] = False
    limit: ClassVar[int]
    example: ClassVar[dict[str, Any]]
    options_type: ClassVar[type[Options]]

    def __init__(self, name: str, options: Opts, deps: Deps) -> None:
        self.name = name
        self.options = options
        self.deps = deps

    @property
    @abstractmethod
    def pace(self) -> Pace:
        """How fast it may be used."""

    @classmethod
    @abstractmethod
    def render(cls, notice: Notice, options: Opts) -> bytes:
        """The card as it goes over the wire: pure, within the limit, harmless whatever its texts hold."""

    @classmethod
    def size(cls, payload: bytes) -> int:
        """The part of a rendered card that the limit counts, in bytes."""
        return len(payload)

    @abstractmethod
    async def send(self, notice: Notice) -> None:
        """Deliver it; ChannelError tells whether to try again."""

    async def close(self) -> None:
        """Let connections go."""
