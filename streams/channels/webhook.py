"""A webhook: the card as JSON to any HTTP endpoint, signed where a secret is named.

Delivery: at least once. 2xx is delivered; 408, 425, 429 and 5xx are tried again, after `Retry-After` where
the answer has it; every other status is given up. `id` is the same when a notice is repeated, `key` the same
for all notices of one incident. With a secret, `X-Planwatch-Timestamp` is the time in seconds and
`X-Planwatch-Signature` is `sha256=` and the hexadecimal HMAC-SHA256 of the timestamp, a full stop, the body.
"""

import hashlib
import hmac
from pathlib import Path
from typing import Any, ClassVar

import orjson
from pydantic import Field

from schemas.records import Notice
from streams.channels.http import Http, HttpOptions
from streams.channels.port import ChannelPort, Deps, Options, Pace, SecretName
from streams.channels.text import cut_bytes, shortened
from streams.decisions.wording import clean


class WebhookOptions(HttpOptions):
    """`url` holds no secret, or name the variable or file that holds all of it (`url_env`, `url_file`)."""

    url: str | None = None
    url_env: str | None = None
    url_file: Path | None = None
    secret_env: str | None = None
    secret_file: Path | None = None
    per_minute: int = Field(default=300, ge=1)


class Webhook(ChannelPort[WebhookOptions]):
    """Posts cards as JSON."""

    kind: ClassVar[str] = "webhook"
    limit: ClassVar[int] = 262_144
    example: ClassVar[dict[str, Any]] = {
        "url": "https://hooks.example.com/planwatch",
        "secret_env": "HOOK_SECRET",
    }
    options_type: ClassVar[type[Options]] = WebhookOptions

    def __init__(self, name: str, options: WebhookOptions, deps: Deps) -> None:
        super().__init__(name, options, deps)
        self._http = Http(name, options)

    @property
    def pace(self) -> Pace:
        """`per_minute`."""
        return Pace(self.options.per_minute, 60.0)

    @classmethod
    def render(cls, notice: Notice, options: WebhookOptions) -> bytes:
        """The notice as JSON; JSON escapes whatever the texts hold."""
        card = notice.facts
        lines = [{"label": label, "text": text} for label, text in shortened(card.lines, 40, 2000)]
        body: dict[str, Any] = {
            "id": notice.id,
            "key": notice.key,
            "incident": notice.incident,
            "about": notice.about,
            "tier": card.tier,
            "tier_title": card.tier_title,
            "colour": card.colour,
            "language": notice.language,
            "person": notice.person,
            "address": notice.address,
            "title": cut_bytes(clean(card.title, 1000), 1000),
            "lines": lines,
            "link": cut_bytes(clean(card.link, 8000), 8000),
        }
        return orjson.dumps(body)

    async def send(self, notice: Notice) -> None:
        """Post it, signed where a secret is named."""
        options, now_s = self.options, self.deps.clock.now_ms() / 1000
        body = self.render(notice, options)
        headers = {}
        secret = SecretName(options.secret_env, options.secret_file)
        if secret.is_given:
            stamp = str(int(now_s))
            key = secret.read(self.name, self.deps).encode()
            digest = hmac.new(key, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
            headers = {"X-Planwatch-Timestamp": stamp, "X-Planwatch-Signature": f"sha256={digest}"}
        url = options.url or SecretName(options.url_env, options.url_file).read(self.name, self.deps)
        await self._http.post(url, body, headers, now_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


CHANNEL = Webhook
