"""Sending notices to strict robots and a mail server: signatures, pace, retries, receipts, a clean stop."""

import asyncio
import io
from collections.abc import Callable
from typing import Any

import pytest

from schemas.errors import ChannelError, StateError
from schemas.records import Notice, Receipt, SelfAlert
from schemas.route import Channel
from streams.channels import build
from streams.channels.dispatch import Dispatcher, Patience
from streams.channels.http import wait_of
from streams.channels.port import ChannelPort, Deps, Options, Pace
from streams.clock import WallClock
from streams.settings import Settings
from tests.respond_builders import LADDER, card, catalogue, full_notice, notice
from tests.servers.ports import free_port
from tests.servers.robots import Robots
from tests.servers.smtp import Smtp

QUICK = Patience(attempts=3, first_s=0.01, most_s=0.02)
SECRETS = {
    "WECOM_KEY": Robots.key,
    "DINGTALK_TOKEN": Robots.token,
    "DINGTALK_SECRET": Robots.secret,
    "HOOK_SECRET": Robots.hook_secret,
    "SMTP_PASSWORD": "mail-password",
}


def deps(**changes: str) -> Deps:
    return Deps(clock=WallClock(), environment={**SECRETS, **changes}, out=io.StringIO())


def robot(kind: str, url: str, given: Deps | None = None, **options: Any) -> ChannelPort[Any]:
    paths = {"wecom": "/cgi-bin/webhook/send", "dingtalk": "/robot/send", "webhook": "/hook"}
    named = {
        "wecom": {"key_env": "WECOM_KEY"},
        "dingtalk": {"token_env": "DINGTALK_TOKEN", "secret_env": "DINGTALK_SECRET"},
        "webhook": {"secret_env": "HOOK_SECRET"},
    }
    made = {"url": url + paths[kind], **named[kind], **options}
    return build(Channel(id=kind, kind=kind, options=made), given or deps())


class Watch:
    """A dispatcher whose receipts and alerts are kept, and can be waited for."""

    def __init__(self, channels: dict[str, Any], patience: Patience = QUICK) -> None:
        self.receipts: list[Receipt] = []
        self.alerts: list[SelfAlert] = []
        self._news = asyncio.Condition()
        self.dispatcher = Dispatcher(channels, LADDER[1:], deps(), patience=patience)
        self.dispatcher.on_receipt = self._receipt
        self.dispatcher.on_alert = self._alert

    async def _receipt(self, receipt: Receipt) -> None:
        async with self._news:
            self.receipts.append(receipt)
            self._news.notify_all()

    async def _alert(self, alert: SelfAlert) -> None:
        async with self._news:
            self.alerts.append(alert)
            self._news.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(condition)

    async def deliver(self, *notices: Notice) -> list[Receipt]:
        """Submit, wait for as many more receipts, stop."""
        wanted = len(self.receipts) + len(notices)
        for one in notices:
            await self.dispatcher.submit(one)
        await self.until(lambda: len(self.receipts) >= wanted)
        return self.receipts[-len(notices) :]


class Fake(ChannelPort[Options]):
    """A channel that does as it is told: an error to raise, or None, one for each message."""

    kind, limit, example, options_type = "fake", 1000, {}, Options

    def __init__(self, *fates: BaseException | None, pace: Pace | None = None) -> None:
        super().__init__("fake", Options(), deps())
        self.fates, self.sent, self._pace = list(fates), [], pace or Pace(1000, 1.0)
        self.gate = asyncio.Event()
        self.gate.set()
        self.closed = False

    @property
    def pace(self) -> Pace:
        return self._pace

    @classmethod
    def render(cls, notice: Notice, options: Options) -> bytes:
        return notice.id.encode()

    async def send(self, notice: Notice) -> None:
        await self.gate.wait()
        fate = self.fates.pop(0) if self.fates else None
        if fate is not None:
            raise fate
        self.sent.append(notice.id)

    async def close(self) -> None:
        self.closed = True


def mine(name: str, **changes: Any) -> Notice:
    return notice(name, **{"channel": "fake", "key": name, "incident": name, **changes})


# --- the channels on strict servers ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["wecom", "dingtalk", "webhook"])
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_strict_robot_takes_the_card(kind: str, language: Any) -> None:
    async with Robots() as robots:
        watch = Watch({kind: robot(kind, robots.url)})
        [receipt] = await watch.deliver(full_notice(language, channel=kind))
        assert await watch.dispatcher.stop() == 0
    assert (receipt.outcome, len(robots.taken), robots.refused) == ("sent", 1, [])


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        ("wecom", {"WECOM_KEY": "not-the-key"}, "errcode 93000"),
        ("dingtalk", {"DINGTALK_TOKEN": "not-the-token"}, "errcode 300001"),
        ("dingtalk", {"DINGTALK_SECRET": "not-the-secret"}, "errcode 310000"),
        ("webhook", {"HOOK_SECRET": "not-the-secret"}, "HTTP 401"),
    ],
)
async def test_a_wrong_secret_is_given_up_and_never_repeated_in_the_error(
    kind: str, wrong: dict[str, str], said: str
) -> None:
    async with Robots() as robots:
        watch = Watch({kind: robot(kind, robots.url, deps(**wrong))})
        [receipt] = await watch.deliver(notice(channel=kind))
        await watch.dispatcher.stop()
    assert (receipt.outcome, len(robots.requests)) == ("failed", 1)
    assert said in receipt.detail
    assert not any(value in receipt.detail for value in wrong.values())


async def test_a_card_that_is_cut_to_4096_bytes_is_taken() -> None:
    huge = card("zh", title="标题" * 300, lines=[("标签", "红色警报🚨" * 300)] * 30)
    async with Robots() as robots:
        watch = Watch({"wecom": robot("wecom", robots.url)})
        [receipt] = await watch.deliver(notice(channel="wecom", facts=huge))
        await watch.dispatcher.stop()
    size = len(robots.taken[0]["markdown"]["content"].encode())
    assert receipt.outcome == "sent"
    assert 4000 < size <= 4096


async def test_the_pace_of_a_robot_is_kept_and_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Robots(count=5, per_s=0.4) as robots:
        port = robot("dingtalk", robots.url)
        monkeypatch.setattr(type(port), "pace", property(lambda _: Pace(5, 0.4)))
        watch = Watch({"dingtalk": port})
        ones = [notice(f"n{i}", key=f"k{i}", incident=f"k{i}", channel="dingtalk") for i in range(14)]
        receipts = await watch.deliver(*ones)
        await watch.dispatcher.stop()
    assert {one.outcome for one in receipts} == {"sent"}
    assert robots.refused == []
    assert robots.requests[-1] - robots.requests[0] >= 0.8


@pytest.mark.parametrize(
    ("fault", "tries", "outcome"),
    [
        pytest.param((500, {}, "oops"), 2, "sent", id="500"),
        pytest.param((429, {"Retry-After": "0"}, "slow"), 2, "sent", id="429"),
        pytest.param((200, {}, '{"errcode": -1, "errmsg": "system busy"}'), 2, "sent", id="busy"),
        pytest.param((200, {}, "<html>a proxy</html>"), 2, "sent", id="not its answer"),
        pytest.param((200, {}, "[]"), 2, "sent", id="not an object"),
        pytest.param((400, {}, "bad"), 1, "failed", id="400"),
        pytest.param((302, {"Location": "http://127.0.0.1:1/"}, ""), 1, "failed", id="redirect"),
        pytest.param("hang", 2, "sent", id="no answer"),
    ],
)
async def test_a_fault_is_tried_again_where_that_may_help(fault: Any, tries: int, outcome: str) -> None:
    async with Robots() as robots:
        robots.faults = [fault]
        watch = Watch({"wecom": robot("wecom", robots.url, timeout_s=0.3)})
        [receipt] = await watch.deliver(notice(channel="wecom"))
        await watch.dispatcher.stop()
    assert (receipt.outcome, len(robots.requests)) == (outcome, tries)


async def test_retry_after_is_honoured() -> None:
    async with Robots() as robots:
        robots.faults = [(429, {"Retry-After": "1"}, "")]
        watch = Watch({"webhook": robot("webhook", robots.url)})
        [receipt] = await watch.deliver(notice(channel="webhook"))
        await watch.dispatcher.stop()
    assert receipt.outcome == "sent"
    assert robots.requests[1] - robots.requests[0] >= 1.0


def test_a_retry_after_of_the_past_waits_for_nothing() -> None:
    assert wait_of("Thu, 01 Jan 1970 00:00:01 GMT", 50.0) == 0.0
    assert wait_of("", 50.0) is None


async def test_an_address_that_is_no_url_is_given_up() -> None:
    port = robot("wecom", "no url")
    with pytest.raises(ChannelError, match="not a URL") as caught:
        await port.send(notice(channel="wecom"))
    await port.close()
    assert not caught.value.retry


async def test_a_webhook_address_may_itself_be_a_secret(tmp_path: Any) -> None:
    async with Robots() as robots:
        (tmp_path / "url").write_text(f"{robots.url}/hook\n")
        options = {"url_file": str(tmp_path / "url"), "secret_env": "HOOK_SECRET"}
        watch = Watch({"hook": build(Channel(id="hook", kind="webhook", options=options), deps())})
        [receipt] = await watch.deliver(notice(channel="hook"))
        await watch.dispatcher.stop()
    assert receipt.outcome == "sent"


async def test_a_webhook_without_a_secret_is_not_signed() -> None:
    async with Robots() as robots:
        port = build(Channel(id="h", kind="webhook", options={"url": f"{robots.url}/hook"}), deps())
        with pytest.raises(ChannelError, match="HTTP 401"):
            await port.send(notice(channel="h"))
        await port.close()


async def test_a_secret_file_that_cannot_be_read_holds_no_secret(tmp_path: Any) -> None:
    options = {"key_file": str(tmp_path / "missing")}
    port = build(Channel(id="w", kind="wecom", options=options), deps())
    with pytest.raises(ChannelError, match="missing holds no secret"):
        await port.send(notice(channel="w"))


def mail(port: int, **options: Any) -> ChannelPort[Any]:
    made = {"host": "127.0.0.1", "port": port, "tls": "none", "sender": "planwatch@example.com", **options}
    return build(Channel(id="mail", kind="email", options=made), deps())


async def test_a_mail_arrives_with_its_text_html_and_date() -> None:
    with Smtp() as smtp:
        watch = Watch({"mail": mail(smtp.port)})
        one = full_notice("zh", channel="mail", address="li@example.com")
        [receipt] = await watch.deliver(one)
        await watch.dispatcher.stop()
    [message] = smtp.messages
    assert (receipt.outcome, smtp.recipients) == ("sent", [["li@example.com"]])
    assert message["Subject"] == one.facts.title
    assert message["Message-ID"] == f"<{one.id}@example.com>"
    assert message["Date"] is not None
    assert "约四分之三的缺口" in message.get_body(("plain",)).get_content()
    assert "约四分之三的缺口" in message.get_body(("html",)).get_content()


async def test_a_sender_may_have_a_name() -> None:
    with Smtp() as smtp:
        await mail(smtp.port, sender="计划监控 <planwatch@example.com>").send(
            notice(address="li@example.com")
        )
    assert smtp.messages[0]["From"] == "计划监控 <planwatch@example.com>"
    assert smtp.messages[0]["Message-ID"] == "<n1@example.com>"


@pytest.mark.parametrize(
    ("refusal", "retry"), [("451 try later", True), ("554 no thanks", False), ("452 full", True)]
)
async def test_a_mail_server_says_whether_to_try_again(refusal: str, retry: bool) -> None:
    with Smtp() as smtp:
        smtp.refusal = refusal
        with pytest.raises(ChannelError, match=refusal[:3]) as caught:
            await mail(smtp.port).send(notice(address="li@example.com"))
    assert caught.value.retry is retry


async def test_a_mail_server_without_tls_gets_no_password() -> None:
    with Smtp() as smtp:
        port = mail(smtp.port, tls="starttls", username="u", password_env="SMTP_PASSWORD")
        with pytest.raises(ChannelError) as caught:
            await port.send(notice(address="li@example.com"))
    assert smtp.messages == []
    assert "mail-password" not in str(caught.value)


async def test_a_recipient_that_the_server_does_not_know_is_given_up() -> None:
    with Smtp() as smtp:
        with pytest.raises(ChannelError) as caught:
            await mail(smtp.port).send(notice(address="x" * 65 + "@example.com"))
        assert not caught.value.retry
        assert smtp.messages == []


async def test_a_person_without_an_address_is_named() -> None:
    with pytest.raises(ChannelError, match=r"li has no e-mail address there.*contacts\.mail"):
        await mail(free_port()).send(notice(address=""))


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("colour", "start"), [("#e02f44", "\x1b[38;2;224;47;68m▌"), ("red", "▌")])
async def test_a_terminal_shows_the_colour_of_the_tier(colour: str, start: str) -> None:
    out = Tty()
    given = Deps(environment={}, out=out)
    port = build(Channel(id="t", kind="terminal"), given)
    await port.send(notice(facts=card(colour=colour)))
    assert out.getvalue().startswith(start)
    assert "Region East" in out.getvalue()


# --- the dispatcher ----------------------------------------------------------------------------------


async def test_a_failure_is_tried_again_with_patience_and_given_up_in_the_end() -> None:
    down = [ChannelError("down", retry=True) for _ in range(3)]
    port = Fake(*down)
    watch = Watch({"fake": port})
    [receipt] = await watch.deliver(mine("a"))
    assert (receipt.outcome, receipt.detail) == ("failed", "down")
    assert watch.dispatcher.counts[("fake", "retried")] == 2
    assert [one.on for one in watch.alerts] == [True]
    assert watch.dispatcher.failing == ["fake"]
    await watch.deliver(mine("b"))
    await watch.until(lambda: len(watch.alerts) == 2)
    assert (watch.alerts[1].on, watch.dispatcher.failing) == (False, [])
    assert {(one.what, one.subject, one.tier) for one in watch.alerts} == {
        ("channel_failing", "fake", "orange")
    }
    await watch.dispatcher.stop()
    assert port.closed


async def test_one_notice_that_fails_does_not_hold_up_the_next() -> None:
    port = Fake(ChannelError("only this one", retry=True))
    watch = Watch({"fake": port}, Patience(attempts=3, first_s=0.2, most_s=0.2))
    await watch.deliver(mine("a"), mine("b"))
    await watch.dispatcher.stop()
    assert port.sent == ["b", "a"]


async def test_failures_in_a_row_pause_the_channel_and_raise_an_alert() -> None:
    port = Fake(*[ChannelError("down", retry=True)] * 3)
    watch = Watch({"fake": port}, Patience(attempts=9, first_s=0.05, most_s=0.05))
    receipts = await watch.deliver(mine("a"), mine("b"), mine("c"))
    await watch.dispatcher.stop()
    assert {one.outcome for one in receipts} == {"sent"}
    assert [one.on for one in watch.alerts] == [True, False]


async def test_a_channel_that_raises_is_set_aside_for_that_notice_only() -> None:
    port = Fake(ZeroDivisionError("token=secret"))
    watch = Watch({"fake": port})
    first, second = await watch.deliver(mine("a"), mine("b"))
    await watch.dispatcher.stop()
    assert (first.outcome, first.detail) == ("failed", "channel fake: ZeroDivisionError while sending")
    assert second.outcome == "sent"


async def test_a_channel_that_cannot_be_built_fails_what_goes_there() -> None:
    chosen = catalogue(channels={"bad": Channel(id="bad", kind="wecom", options={"nope": 1})})
    watch = Watch({})
    watch.dispatcher = Dispatcher.of(chosen, Settings(), deps())
    watch.dispatcher.on_receipt = watch._receipt
    first, second = await watch.deliver(notice("a", channel="bad"), notice("b", channel="unheard_of"))
    outcomes = {one.notice: one.detail for one in (first, second)}
    await watch.dispatcher.stop()
    assert "options.nope" in outcomes["a"]
    assert outcomes["b"] == "the catalogue has no such channel"
    assert watch.dispatcher.counts[("unheard_of", "no_channel")] == 1


async def test_a_dispatcher_of_a_catalogue_has_its_channels() -> None:
    terminal = Channel(id="terminal", kind="terminal")
    out = io.StringIO()
    made = Dispatcher.of(
        catalogue(channels={"terminal": terminal}), Settings(), Deps(environment={}, out=out)
    )
    await made.submit(notice(channel="terminal"))
    assert made.depths == {"terminal": 1}
    assert await made.stop() == 0
    assert "Revenue down" in out.getvalue()
    assert made.counts[("terminal", "sent")] == 1


async def test_a_repeated_notice_is_sent_once() -> None:
    port = Fake()
    port.gate.clear()
    watch = Watch({"fake": port})
    for _ in range(3):
        await watch.dispatcher.submit(mine("a"))
    port.gate.set()
    await watch.until(lambda: len(watch.receipts) == 1)
    assert await watch.dispatcher.stop() == 0
    assert port.sent == ["a"]
    assert watch.dispatcher.counts[("fake", "repeated")] == 2


async def test_a_stop_sends_what_can_be_sent() -> None:
    port = Fake()
    watch = Watch({"fake": port})
    for index in range(20):
        await watch.dispatcher.submit(mine(f"n{index}"))
    assert await watch.dispatcher.stop() == 0
    assert len(port.sent) == len(watch.receipts) == 20


async def test_a_stop_leaves_what_hangs_without_a_receipt() -> None:
    port = Fake()
    port.gate.clear()
    watch = Watch({"fake": port})
    await watch.dispatcher.submit(mine("a"))
    await asyncio.sleep(0)
    assert await watch.dispatcher.stop(deadline_s=0.05) == 1
    assert watch.receipts == []
    assert port.closed


async def test_a_stop_does_not_wait_for_the_pace_or_a_retry() -> None:
    port = Fake(pace=Pace(1, 60.0))
    watch = Watch({"fake": port})
    await watch.deliver(mine("a"))
    await watch.dispatcher.submit(mine("b"))
    async with asyncio.timeout(2):
        assert await watch.dispatcher.stop() == 1


async def test_a_stop_before_anything_was_sent_is_clean() -> None:
    assert await Watch({"fake": Fake()}).dispatcher.stop() == 0


async def test_a_receipt_that_cannot_be_written_is_fatal() -> None:
    async def refuse(_: Receipt) -> None:
        raise StateError("the broker is gone")

    watch = Watch({"fake": Fake()})
    watch.dispatcher.on_receipt = refuse
    await watch.dispatcher.submit(mine("a"))
    async with asyncio.timeout(5):
        while watch.dispatcher.failure is None:
            await asyncio.sleep(0)
    with pytest.raises(StateError, match="the broker is gone"):
        await watch.dispatcher.submit(mine("b"))
    await watch.dispatcher.stop()


async def test_a_dispatcher_nobody_listens_to_still_sends() -> None:
    port = Fake(ChannelError("no", retry=False))
    quiet = Dispatcher({"fake": port}, LADDER[1:], deps())
    await quiet.submit(mine("a"))
    await quiet.submit(mine("b"))
    assert await quiet.stop() == 0
    assert port.sent == ["b"]
