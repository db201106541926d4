"""A mail server that keeps what it is sent, and refuses it when told to."""

from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from tests.servers.ports import free_port


class Smtp:
    """`with Smtp() as smtp: …smtp.host, smtp.port…; smtp.messages`.

    `refusal` is what it answers instead of taking a message, such as "451 try later"; None takes all.
    """

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.port = free_port()
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refusal: str | None = None
        self._controller = Controller(self, hostname=self.host, port=self.port)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        if self.refusal is not None:
            return self.refusal
        assert isinstance(envelope.content, bytes)
        content = envelope.content.replace(b"\r\n", b"\n")
        message = BytesParser(EmailMessage, policy=default).parsebytes(content)
        self.messages.append(message)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 taken"

    def clear(self) -> None:
        """Forgets the messages and refuses nothing."""
        self.messages, self.recipients, self.refusal = [], [], None

    def start(self) -> Self:
        self._controller.start()
        return self

    def stop(self) -> None:
        self._controller.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
