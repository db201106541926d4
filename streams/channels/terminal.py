"""The terminal of the worker: for a demo, a trial, and the last place to look.

Delivery: written to standard output and flushed; there is no answer, so sent means written. A card for
several people is written once: the terminal is shared.
"""

from typing import Any, ClassVar

from schemas.errors import ChannelError
from schemas.records import Notice
from streams.channels.port import ChannelPort, Options, Pace
from streams.channels.text import cut_bytes
from streams.decisions.wording import clean

_LINE = 800


class TerminalOptions(Options):
    """`colour`: the tier's colour where the output is a terminal."""

    colour: bool = True


class Terminal(ChannelPort[TerminalOptions]):
    """Writes cards as text."""

    kind: ClassVar[str] = "terminal"
    shared: ClassVar[bool] = True
    limit: ClassVar[int] = 16_384
    example: ClassVar[dict[str, Any]] = {"colour": True}
    options_type: ClassVar[type[Options]] = TerminalOptions

    @property
    def pace(self) -> Pace:
        """As fast as anybody can scroll."""
        return Pace(1000, 1.0)

    @classmethod
    def render(cls, notice: Notice, options: TerminalOptions) -> bytes:
        """Plain lines without control characters."""
        card = notice.facts
        lines = [f"▌ {clean(card.title, 300)}"]
        lines += [f"▌   {clean(label, 40)}: {clean(text, _LINE)}" for label, text in card.lines]
        lines += [f"▌   {clean(card.link_title, 40)}: {clean(card.link, _LINE)}"] if card.link else []
        return (cut_bytes("\n".join(lines), cls.limit - 1) + "\n").encode()

    async def send(self, notice: Notice) -> None:
        """Write and flush."""
        text, out = self.render(notice, self.options).decode(), self.deps.out
        try:
            if self.options.colour and out.isatty():
                text = text.replace("▌", f"{_ansi(notice.facts.colour)}▌\x1b[0m")
            out.write(text)
            out.flush()
        except (OSError, ValueError) as error:
            raise ChannelError(f"channel {self.name}: the terminal is gone", retry=False) from error


def _ansi(colour: str) -> str:
    digits = colour.removeprefix("#")
    if len(digits) != 6:
        return ""
    red, green, blue = (int(digits[i : i + 2], 16) for i in (0, 2, 4))
    return f"\x1b[38;2;{red};{green};{blue}m"


CHANNEL = Terminal
