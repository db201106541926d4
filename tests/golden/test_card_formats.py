"""Cards as they go over the wire, byte for byte, for every channel in both languages.

`PLANWATCH_WRITE_GOLDEN=1` writes the files anew; read the difference before committing it.
"""

import os
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from schemas.base import Language
from schemas.route import Channel
from streams.channels import build, kinds
from streams.channels.port import Deps
from tests.respond_builders import full_notice

FOLDER = Path(__file__).parent / "cards"


def readable(payload: bytes) -> bytes:
    """The payload; of a message its headers and its parts without base64, which nobody can compare."""
    if not payload.startswith(b"From:"):
        return payload
    message = message_from_bytes(payload, policy=policy.default)
    headers = [f"{name}: {value}" for name, value in message.items()]
    parts = [f"{part.get_content_type()}\n{part.get_content()}" for part in message.iter_parts()]
    return "\n\n".join(["\n".join(headers), *parts]).replace("\r\n", "\n").encode()


@pytest.mark.parametrize("kind", sorted(kinds()))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_card_of_each_channel_stays_as_it_is(kind: str, language: Language) -> None:
    port = build(Channel(id="one", kind=kind, options=kinds()[kind].example), Deps(environment={}))
    address = "li@example.com" if kind == "email" else "li,13800000000"
    written = readable(type(port).render(full_notice(language, address=address), port.options))
    path = FOLDER / f"{kind}.{language}.txt"
    if os.environ.get("PLANWATCH_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(written)
    assert path.is_file(), f"{path} is missing: run with PLANWATCH_WRITE_GOLDEN=1"
    assert written == path.read_bytes()
