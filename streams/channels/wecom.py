"""A WeCom (企业微信) group robot: the card as markdown into one group.

Delivery: at least once, at most 20 messages in any 60 s (the robot's limit), at most 4,096 bytes of markdown.
The answer's `errcode` decides: 0 is delivered; too fast (45009) waits a minute; a wrong key, a removed robot
or a message it cannot read is given up; anything else is tried again. People are mentioned by their WeCom
user id, the address in `contacts`.
"""

from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from schemas.records import Notice
from streams.channels.http import Http, HttpOptions
from streams.channels.port import ChannelPort, Deps, Options, Pace, SecretName
from streams.channels.robot import check_errcode
from streams.channels.text import addresses, cut_bytes, fit, inert, safe_link

_GIVE_UP = frozenset({40008, 40033, 40035, 40058, 44004, 93000, 93004, 93008})
_WAITS = {45009: 60.0, 45033: 5.0}
_HEAD, _LABEL, _LINE, _MENTIONS = 400, 60, 900, 10


class WeComOptions(HttpOptions):
    """`key_env` or `key_file` names the robot's key: what follows `key=` in its address."""

    url: str = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"
    key_env: str | None = None
    key_file: Path | None = None
    mention: bool = True


class WeCom(ChannelPort[WeComOptions]):
    """Posts markdown to a group robot."""

    kind: ClassVar[str] = "wecom"
    shared: ClassVar[bool] = True
    limit: ClassVar[int] = 4096
    example: ClassVar[dict[str, Any]] = {"key_env": "WECOM_KEY"}
    options_type: ClassVar[type[Options]] = WeComOptions

    def __init__(self, name: str, options: WeComOptions, deps: Deps) -> None:
        super().__init__(name, options, deps)
        self._http = Http(name, options)

    @property
    def pace(self) -> Pace:
        """The robot's own limit."""
        return Pace(20, 60.0)

    @classmethod
    def render(cls, notice: Notice, options: WeComOptions) -> bytes:
        """Markdown of WeCom's subset; texts of the card hold none of its marks any more."""
        card = notice.facts
        colour = "info" if notice.about == "resolved" else "warning"
        head = f'### <font color="{colour}">{cut_bytes(inert(card.title), _HEAD)}</font>'
        body = [
            f"**{cut_bytes(inert(label), _LABEL)}** {cut_bytes(inert(text), _LINE)}"
            for label, text in card.lines
        ]
        named = addresses(notice.address, r"[A-Za-z0-9_.@-]{1,64}") if options.mention else []
        mentions = " ".join(f"<@{name}>" for name in named[:_MENTIONS] if name.lower() not in ("all", "@all"))
        link = safe_link(card)
        last = body[-1:]
        tail = [
            *last,
            f"[{cut_bytes(inert(card.link_title), _LABEL)}]({link})" if 0 < len(link) <= 1000 else "",
            mentions,
        ]
        content = fit(head, body[:-1], [line for line in tail if line], cls.limit)
        return orjson.dumps({"msgtype": "markdown", "markdown": {"content": content}})

    @classmethod
    def size(cls, payload: bytes) -> int:
        """The bytes of the markdown."""
        return len(orjson.loads(payload)["markdown"]["content"].encode())

    async def send(self, notice: Notice) -> None:
        """Post it and read the robot's answer."""
        key = SecretName(self.options.key_env, self.options.key_file).read(self.name, self.deps)
        url = f"{self.options.url}?key={quote(key, safe='')}"
        now_s = self.deps.clock.now_ms() / 1000
        reply = await self._http.post(url, self.render(notice, self.options), {}, now_s)
        check_errcode(self.name, reply, _GIVE_UP, _WAITS, [key])

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


CHANNEL = WeCom
