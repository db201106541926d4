"""What every channel promises, whichever it is: a new file in streams/channels is tested here as well."""

import ast
import importlib
import io
import json
import re
import unicodedata
from email import message_from_bytes, policy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import streams.channels
from schemas.base import Language
from schemas.errors import ChannelError
from schemas.records import Notice
from schemas.route import Channel
from streams.channels import build, kinds
from streams.channels.port import ChannelPort, Deps
from streams.clock import SettableClock
from tests.respond_builders import T0, card, full_notice, notice

SECRET = "S3CRET-9f8e7d"
KINDS = sorted(kinds())
LANGUAGES: tuple[Language, ...] = ("en", "zh")
MARKS = "<>[]*`#@_~|\\&"

HOSTILE = [
    "<@all> @everyone <!channel>",
    "[pay here](http://evil.example/?a=1)",
    "![x](https://evil.example/x.png) www.evil.example",
    '<script>alert(1)</script><img src=x onerror="y">',
    "**bold** __under__ ~~gone~~ `code` ```block```",
    "line\r\nBcc: everybody@example.com\r\n\r\n<html>",
    "\n# heading\n- item\n> quote\n---\n",
    "\x1b[31mred\x1b[0m \x07 \x00 \u202egnp.exe \u200b",
    "| a | b |\n|---|---|\\n &lt;b&gt; &#64;all",
    "</font></div></td>{{7*7}}${x}%s%n",
]


def deps() -> Deps:
    names = ("HOOK_SECRET", "WECOM_KEY", "DINGTALK_TOKEN", "DINGTALK_SECRET", "SMTP_PASSWORD")
    return Deps(clock=SettableClock(T0), environment=dict.fromkeys(names, SECRET), out=io.StringIO())


def example(kind: str, **changes: Any) -> ChannelPort[Any]:
    options = {**kinds()[kind].example, **changes}
    return build(Channel(id="one", kind=kind, options=options), deps())


def rendered(kind: str, one: Notice) -> bytes:
    port = example(kind)
    return type(port).render(one, port.options)


def text_of(payload: bytes) -> str:
    """What a person is shown: the texts of JSON, of the parts of a message, or the text itself."""
    if payload.startswith(b"{"):
        return json.dumps(json.loads(payload), ensure_ascii=False)
    if b"\r\nMIME-Version:" in payload or payload.startswith(b"From:"):
        message = message_from_bytes(payload, policy=policy.default)
        return "\n".join([str(message["Subject"]), *(part.get_content() for part in message.iter_parts())])
    return payload.decode()


class Tags(HTMLParser):
    """The tags and attributes of a document, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


def structure(payload: bytes) -> object:
    """What is markup and not text: must be the same whatever the texts are."""
    if payload.startswith(b"{"):
        body = json.loads(payload)
        marked = json.dumps(body["markdown"], ensure_ascii=False) if "markdown" in body else ""
        return sorted(body), {mark: marked.count(mark) for mark in MARKS.replace("\\", "")}
    if payload.startswith(b"From:"):
        message = message_from_bytes(payload, policy=policy.default)
        tags = Tags()
        tags.feed(message.get_body(("html",)).get_content())
        return message.keys(), tags.found
    return payload.count(b"\n")


def test_every_file_of_the_folder_is_a_channel_or_says_that_it_is_none() -> None:
    folder = Path(streams.channels.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert files - set(KINDS) == {"bucket", "dispatch", "http", "lane", "port", "queue", "robot", "text"}
    assert {"terminal", "webhook", "wecom", "dingtalk", "email"} <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_channel_is_named_after_its_file_and_says_how_it_delivers(kind: str) -> None:
    module = importlib.import_module(f"streams.channels.{kind}")
    doc = ast.get_docstring(ast.parse(Path(module.__file__).read_text())) or ""
    assert kinds()[kind].kind == kind
    assert re.search(r"^Delivery: \w", doc, re.MULTILINE), "its docstring has no Delivery paragraph"


@pytest.mark.parametrize("kind", KINDS)
def test_channel_example_can_be_built_and_reads_back_the_same(kind: str) -> None:
    port = example(kind)
    again = type(port.options).model_validate(json.loads(port.options.model_dump_json(exclude_unset=True)))
    assert again == port.options
    assert port.pace.count >= 1
    assert port.pace.per_s > 0


@pytest.mark.parametrize("kind", KINDS)
def test_channel_refuses_an_option_it_does_not_know_without_repeating_its_value(kind: str) -> None:
    with pytest.raises(ChannelError, match="pasword") as caught:
        example(kind, pasword=SECRET)
    assert SECRET not in str(caught.value)
    assert not caught.value.retry


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_channel_renders_the_whole_card_within_its_limit(kind: str, language: Language) -> None:
    one = full_notice(language)
    payload = rendered(kind, one)
    shown = text_of(payload)
    assert kinds()[kind].size(payload) <= kinds()[kind].limit
    for label, text in one.facts.lines:
        assert label in shown
        assert text.split(" (")[0].split("（")[0][:30] in shown.replace("＿", "_"), label


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_channel_cuts_a_huge_card_between_characters_and_keeps_its_title_and_last_line(
    kind: str, language: Language
) -> None:
    lines = [(f"标签{i}", "红色警报🚨" * 400) for i in range(40)] + [("事件", "revenue-down-k3v7q2mb")]
    huge = card(language, title="标题" * 400, lines=lines, link="http://b/?" + "x" * 3000)
    payload = rendered(kind, notice(facts=huge, address=",".join(f"user{i}" for i in range(500))))
    assert kinds()[kind].size(payload) <= kinds()[kind].limit
    shown = text_of(payload)
    assert "\ufffd" not in shown
    assert "标题标题" in shown
    if kind != "terminal" and kind != "webhook":
        assert "revenue-down-k3v7q2mb" in shown


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("filler", ['"', "\\", "\x00", "<", "红", "🚨"])
def test_channel_stays_within_its_limit_whatever_it_is_filled_with(kind: str, filler: str) -> None:
    much = filler * 5000
    full = card(title=much, lines=[(much, much)] * 60, link="http://b/?" + "x" * 900, link_title=much)
    people = ",".join("u" * 60 + str(i) for i in range(100))
    for address in (people, "li@example.com"):
        payload = rendered(kind, notice(facts=full, address=address))
        assert kinds()[kind].size(payload) <= kinds()[kind].limit
        if b'"msgtype"' in payload:
            assert len(payload) <= 20_000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", HOSTILE)
def test_channel_lets_no_text_become_markup(kind: str, text: str) -> None:
    def with_text(words: str) -> bytes:
        lines = [("Where", words), (words, "value"), ("Incident", words)]
        return rendered(kind, notice(facts=card(title=words, lines=lines, link_title=words)))

    assert structure(with_text(text)) == structure(with_text("plain words"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", HOSTILE)
def test_channel_lets_no_control_character_through(kind: str, text: str) -> None:
    shown = text_of(rendered(kind, notice(facts=card(title=text, lines=[(text, text)]))))
    found = {hex(ord(c)) for c in shown if unicodedata.category(c) in ("Cc", "Cf") and c not in "\n\t\r"}
    assert found == set()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "http://a/) [x](http://evil", 'http://a/"><script>', "x y"]
)
def test_channel_shows_no_link_that_is_none(kind: str, link: str) -> None:
    if kind in ("webhook", "terminal"):
        assert link.split("<")[0][:12] in text_of(rendered(kind, notice(facts=card(link=link)))).replace(
            '\\"', '"'
        )
        return
    shown = text_of(rendered(kind, notice(facts=card(link=link))))
    assert link not in shown
    assert "<script" not in shown
    assert "](http://evil" not in shown
    assert "javascript:" not in shown


@pytest.mark.parametrize("kind", KINDS)
def test_channel_lets_no_address_become_markup_or_a_mention_of_all(kind: str) -> None:
    hostile = "all,@all,<@all>,a](http://evil),x\r\nBcc: b@example.com"
    if kind == "webhook":
        assert json.loads(rendered(kind, notice(address=hostile)))["address"] == hostile
        return
    shown = text_of(rendered(kind, notice(address=hostile)))
    assert "@all" not in shown
    assert "evil" not in shown
    assert b"\r\nBcc:" not in rendered(kind, notice(address=hostile))


@pytest.mark.parametrize("kind", KINDS)
def test_channel_holds_its_secret_nowhere(kind: str) -> None:
    port = example(kind)
    shown = [repr(port), repr(port.options), str(vars(port)), port.options.model_dump_json()]
    shown.append(text_of(rendered(kind, notice())))
    assert all(SECRET not in one for one in shown)


@pytest.mark.parametrize("kind", KINDS)
async def test_channel_that_cannot_deliver_says_so_without_its_secret(kind: str, free_tcp_port: int) -> None:
    fields = kinds()[kind].options_type.model_fields
    changes: dict[str, Any] = {"url": f"http://127.0.0.1:{free_tcp_port}/x"} if "url" in fields else {}
    if "host" in fields:
        changes |= {"host": "127.0.0.1", "port": free_tcp_port}
    port = example(kind, **changes)
    if kind == "terminal":
        port.deps.out.close()
    with pytest.raises(ChannelError) as caught:
        await port.send(notice(address="li@example.com"))
    await port.close()
    chain = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert caught.value.retry is (kind != "terminal")
    assert "channel one" in str(caught.value)
    assert SECRET not in "".join(repr(one) + str(one) for one in chain[:2])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "terminal"])
async def test_channel_without_its_secret_gives_up_and_names_what_is_missing(kind: str) -> None:
    port = example(kind)
    bare = type(port)("one", port.options, Deps(environment={}))
    with pytest.raises(ChannelError, match="holds no secret") as caught:
        await bare.send(notice(address="li@example.com"))
    assert not caught.value.retry


def test_a_kind_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(ChannelError, match=r"carrier_pigeon.*dingtalk, email, terminal, webhook, wecom"):
        build(Channel(id="one", kind="carrier_pigeon"), deps())


@pytest.fixture
def free_tcp_port() -> int:
    from tests.servers.ports import free_port

    return free_port()
