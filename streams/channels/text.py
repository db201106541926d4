"""Texts from outside made harmless for markup, and cut to a number of bytes without breaking a character."""

import re
from collections.abc import Sequence

from schemas.records import Card
from streams.decisions.wording import clean

#: what markup, mentions, links or HTML may begin with → a character that looks alike and means nothing
_LOOKALIKES = str.maketrans(
    {
        "\\": "＼",
        "`": "｀",
        "*": "＊",
        "_": "＿",
        "~": "～",
        "#": "＃",
        "<": "＜",
        ">": "＞",
        "[": "［",
        "]": "］",
        "|": "｜",
        "@": "＠",
        "&": "＆",
    }
)
_LONGEST = 2000


def inert(text: str) -> str:
    """A text that no chat program reads as markup, mention, tag or link.

    >>> inert("<@all> **now** http://evil.example/x")
    '＜＠all＞ ＊＊now＊＊ http:／／evil.example/x'
    """
    return unlinked(text).translate(_LOOKALIKES)


def unlinked(text: str) -> str:
    """A text in which no program finds an address to turn into a link.

    >>> unlinked("see www.evil.example")
    'see www．evil.example'
    """
    line = clean(text, _LONGEST).replace("://", ":／／")
    return re.sub(r"\bwww\.", lambda match: match[0][:-1] + "．", line, flags=re.IGNORECASE)


def safe_link(card: Card) -> str:
    """The card's link where it is one of http(s) that cannot end a markdown link early; else nothing."""
    link = card.link.replace("(", "%28").replace(")", "%29")
    return link if re.fullmatch(r"https?://[^\s<>\"'`\\]+", link) else ""


def cut_bytes(text: str, limit: int) -> str:
    """The text in at most `limit` bytes of UTF-8, cut between characters, with an ellipsis where it was cut.

    >>> cut_bytes("红色警报", 9), cut_bytes("red", 9), cut_bytes("红色警报", 2)
    ('红色…', 'red', '')
    """
    raw = text.encode()
    if len(raw) <= limit:
        return text
    kept = raw[: max(limit - 3, 0)].decode(errors="ignore")
    return f"{kept}…" if limit >= 3 else ""


def shortened(lines: Sequence[tuple[str, str]], most: int, limit: int) -> list[tuple[str, str]]:
    """At most `most` lines, the last one among them, each text in at most `limit` bytes.

    >>> shortened([("a", "1"), ("b", "22222"), ("c", "3")], 2, 4)
    [('a', '1'), ('c', '3')]
    """
    kept = [*lines[: most - 1], *lines[-1:]] if len(lines) > most else lines
    return [(clean(label, 100), cut_bytes(clean(text, limit), limit)) for label, text in kept]


def fit(head: str, body: list[str], tail: list[str], limit: int) -> str:
    """Head, body and tail as lines within `limit` bytes; the body gives way, from its end.

    Head and tail must fit by themselves; a line of the body that does not fit is cut, those after it go.
    """
    left = limit - sum(len(line.encode()) + 1 for line in (head, *tail))
    kept: list[str] = []
    for line in body:
        text = cut_bytes(line, left - 1)
        if not text:
            break
        kept.append(text)
        left -= len(text.encode()) + 1
        if text != line:
            break
    return "\n".join((head, *kept, *tail))


def addresses(address: str, allowed: str) -> list[str]:
    """The joined addresses that match the pattern whole, each once, in order.

    >>> addresses("li,<@all>,li,wang", r"[a-z]+")
    ['li', 'wang']
    """
    parts = (part.strip() for part in address.split(","))
    return list(dict.fromkeys(part for part in parts if re.fullmatch(allowed, part)))
