"""A DingTalk (钉钉) group robot: the card as markdown into one group, signed.

Delivery: at least once, at most 20 messages in any 60 s: beyond it the robot is mute for ten minutes. Each
message is signed with the robot's secret (HMAC-SHA256 of time and secret). The answer's `errcode` decides: 0
is delivered; too fast (130101, 410100) waits ten minutes; a wrong token, signature, keyword or address is
given up; anything else is tried again. People are mentioned by mobile number or user id, as in `contacts`.
"""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

import orjson

from schemas.records import Notice
from streams.channels.http import Http, HttpOptions
from streams.channels.port import ChannelPort, Deps, Options, Pace, SecretName
from streams.channels.robot import check_errcode
from streams.channels.text import addresses, cut_bytes, fit, inert, safe_link

_GIVE_UP = frozenset({300001, 300005, 310000, 400013, 400014, 400101, 400102, 400105, 400106, 430104})
_WAITS = {130101: 600.0, 410100: 600.0, -1: 5.0}
#: the text leaves room for what JSON adds to it
_TEXT, _HEAD, _LABEL, _LINE, _MENTIONS = 8000, 400, 60, 1500, 10


class DingTalkOptions(HttpOptions):
    """`token_…` names the access token of the robot's address, `secret_…` its signing secret (SEC…)."""

    url: str = "https://oapi.dingtalk.com/robot/send"
    token_env: str | None = None
    token_file: Path | None = None
    secret_env: str | None = None
    secret_file: Path | None = None
    mention: bool = True


class DingTalk(ChannelPort[DingTalkOptions]):
    """Posts signed markdown to a group robot."""

    kind: ClassVar[str] = "dingtalk"
    shared: ClassVar[bool] = True
    limit: ClassVar[int] = 20_000
    example: ClassVar[dict[str, Any]] = {"token_env": "DINGTALK_TOKEN", "secret_env": "DINGTALK_SECRET"}
    options_type: ClassVar[type[Options]] = DingTalkOptions

    def __init__(self, name: str, options: DingTalkOptions, deps: Deps) -> None:
        super().__init__(name, options, deps)
        self._http = Http(name, options)

    @property
    def pace(self) -> Pace:
        """The robot's own limit."""
        return Pace(20, 60.0)

    @classmethod
    def render(cls, notice: Notice, options: DingTalkOptions) -> bytes:
        """Markdown of DingTalk's subset; texts of the card hold none of its marks any more."""
        card = notice.facts
        title = cut_bytes(inert(card.title), _HEAD)
        body = [
            f"- **{cut_bytes(inert(label), _LABEL)}** {cut_bytes(inert(text), _LINE)}"
            for label, text in card.lines
        ]
        named = addresses(notice.address, r"[A-Za-z0-9_.-]{1,64}|\+?\d{5,20}") if options.mention else []
        named = [name for name in named if name.lower() != "all"][:_MENTIONS]
        link = safe_link(card)
        tail = [
            *body[-1:],
            f"\n[{cut_bytes(inert(card.link_title), _LABEL)}]({link})" if 0 < len(link) <= 2000 else "",
        ]
        tail.append("\n" + " ".join(f"@{name}" for name in named) if named else "")
        text = fit(f"### {title}\n", body[:-1], [line for line in tail if line], _TEXT)
        mobiles = [name for name in named if name.lstrip("+").isdigit()]
        users = [name for name in named if name not in mobiles]
        at = {"atMobiles": mobiles, "atUserIds": users, "isAtAll": False}
        return orjson.dumps({"msgtype": "markdown", "markdown": {"title": title, "text": text}, "at": at})

    async def send(self, notice: Notice) -> None:
        """Post it signed and read the robot's answer."""
        options = self.options
        token = SecretName(options.token_env, options.token_file).read(self.name, self.deps)
        secret = SecretName(options.secret_env, options.secret_file).read(self.name, self.deps)
        now_ms = self.deps.clock.now_ms()
        query = urlencode({"access_token": token, "timestamp": str(now_ms), "sign": sign(now_ms, secret)})
        body = self.render(notice, options)
        reply = await self._http.post(f"{options.url}?{query}", body, {}, now_ms / 1000)
        check_errcode(self.name, reply, _GIVE_UP, _WAITS, [token, secret])

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def sign(timestamp_ms: int, secret: str) -> str:
    """DingTalk's signature: base64 of the HMAC-SHA256, keyed by the secret, of "timestamp, newline, secret".

    >>> sign(1577262236757, "this is secret")
    'hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM='
    """
    digest = hmac.new(secret.encode(), f"{timestamp_ms}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


CHANNEL = DingTalk
