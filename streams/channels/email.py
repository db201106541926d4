"""E-mail: the card as text and HTML to one person, over SMTP.

Delivery: at least once; `Message-ID` is the notice's id, so that a repetition is recognisable, and notices of
one incident refer to it as a thread. Delivered means that the server took it. 4xx answers, timeouts and lost
connections are tried again; 5xx answers (no such address, wrong password) are given up. TLS is on by default.
"""

import html
import re
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate, parseaddr
from pathlib import Path
from typing import Any, ClassVar, Literal

import aiosmtplib
from pydantic import Field

from schemas.errors import ChannelError
from schemas.records import Card, Notice
from streams.channels.port import ChannelPort, Options, Pace, SecretName
from streams.channels.text import safe_link, shortened, unlinked
from streams.decisions.wording import clean

_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,255}")


class EmailOptions(Options):
    """`tls`: starttls (port 587), tls (port 465) or none. `sender` may have a name before its address in <>.

    Without `username` there is no login.
    """

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    sender: str
    username: str | None = None
    password_env: str | None = None
    password_file: Path | None = None
    timeout_s: float = Field(default=20.0, gt=0, le=120)
    per_minute: int = Field(default=60, ge=1)


class Email(ChannelPort[EmailOptions]):
    """Sends cards by SMTP."""

    kind: ClassVar[str] = "email"
    limit: ClassVar[int] = 1_048_576
    example: ClassVar[dict[str, Any]] = {
        "host": "smtp.example.com",
        "sender": "planwatch@example.com",
        "username": "planwatch",
        "password_env": "SMTP_PASSWORD",
    }
    options_type: ClassVar[type[Options]] = EmailOptions

    @property
    def pace(self) -> Pace:
        """`per_minute`."""
        return Pace(self.options.per_minute, 60.0)

    @classmethod
    def render(cls, notice: Notice, options: EmailOptions) -> bytes:
        """The message without its date, as bytes of RFC 5322; HTML is escaped."""
        card, domain = notice.facts, parseaddr(options.sender)[1].rpartition("@")[2] or "planwatch"
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"] = clean(options.sender)
        message["To"] = notice.address if _ADDRESS.fullmatch(notice.address) else "nobody@invalid"
        message["Subject"] = clean(card.title, 300)
        message["Message-ID"] = f"<{notice.id}@{domain}>"
        message["References"] = f"<{clean(notice.key, 100)}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Planwatch-Incident"] = clean(notice.incident, 100)
        message.set_content(_text(card), cte="base64")
        message.add_alternative(_html(card), subtype="html", cte="base64")
        message.set_boundary(f"=planwatch-{notice.id}")
        return message.as_bytes()

    async def send(self, notice: Notice) -> None:
        """Hand it to the server."""
        options = self.options
        if not _ADDRESS.fullmatch(notice.address):
            raise ChannelError(
                f"channel {self.name}: {notice.person} has no e-mail address there",
                remedy=f"write it under contacts.{self.name} in people.yaml",
                retry=False,
            )
        date = formatdate(self.deps.clock.now_ms() / 1000)
        message = f"Date: {date}\r\n".encode() + self.render(notice, options)
        login = SecretName(options.password_env, options.password_file)
        password = login.read(self.name, self.deps) if options.username else None
        try:
            await aiosmtplib.send(
                message,
                sender=parseaddr(options.sender)[1],
                recipients=[notice.address],
                hostname=options.host,
                port=options.port,
                username=options.username,
                password=password,
                use_tls=options.tls == "tls",
                start_tls=options.tls == "starttls",
                timeout=options.timeout_s,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise self._refused(error.recipients[0].code) from error
        except aiosmtplib.SMTPResponseException as error:
            raise self._refused(error.code) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise ChannelError(
                f"channel {self.name}: the mail server cannot be reached ({type(error).__name__})", retry=True
            ) from error

    def _refused(self, code: int) -> ChannelError:
        return ChannelError(
            f"channel {self.name}: the mail server refused with {code}", retry=not 500 <= code < 600
        )


def _text(card: Card) -> str:
    lines = [unlinked(card.title), ""]
    lines += [f"{unlinked(label)}: {unlinked(text)}" for label, text in shortened(card.lines, 40, 1500)]
    return "\n".join([*lines, "", safe_link(card), ""])


def _html(card: Card) -> str:
    colour = card.colour if re.fullmatch(r"#[0-9a-fA-F]{6}", card.colour) else "#808080"
    rows = "".join(
        f'<tr><td style="color:#666;padding:2px 12px 2px 0;vertical-align:top">{_escape(label)}</td>'
        f"<td>{_escape(text)}</td></tr>"
        for label, text in shortened(card.lines, 40, 1500)
    )
    link = safe_link(card)
    board = f'<p><a href="{html.escape(link)}">{_escape(card.link_title)}</a></p>' if link else ""
    return (
        f'<div style="border-left:6px solid {colour};padding-left:12px;font-family:sans-serif">'
        f"<h3>{_escape(card.title)}</h3><table>{rows}</table>{board}</div>\n"
    )


def _escape(text: str) -> str:
    return html.escape(unlinked(text))


CHANNEL = Email
