"""Text that is safe in one log line: no control characters, no secrets, bounded in length.

Decides what a line may contain. Event text is hostile: it may hold line ends, terminal escapes and
direction marks, all of which are written as escapes. Refuses to know where the text came from.
"""

import re
import unicodedata

LONGEST = 2000

_PLAIN = re.compile(r"[A-Za-z0-9_.:/+@,%*-]+")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNSAFE = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
#: what looks like a secret wherever it stands: header values, query parameters of robots, userinfo in a URL
_SECRETS = (
    re.compile(r"(?i)(authorization\W{1,4}(?:token|basic|bearer)\s+)[^\s'\"]+"),
    re.compile(r"(?i)((?:access_token|key|sign|token|secret|password|passwd|pwd)=)[^&\s'\"]+"),
    re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s/@:]*:)[^\s/@]+(?=@)"),
    re.compile(r"(/hook/)[\w-]+"),
    re.compile(r"(hooks\.slack\.com/services/)[\w/]+"),
)
_hidden: set[str] = set()


def hide_secret(value: str) -> None:
    """From now on this process writes `***` for the value; values under 4 characters are not hidden."""
    if len(value) >= 4:
        _hidden.add(value)


def redact(text: str) -> str:
    """The text with every known secret, and what looks like one, replaced by `***`.

    >>> redact("POST /robot/send?access_token=abc123&sign=x")
    'POST /robot/send?access_token=***&sign=***'
    """
    for value in sorted(_hidden, key=len, reverse=True):
        text = text.replace(value, "***")
    for pattern in _SECRETS:
        text = pattern.sub(r"\g<1>***", text)
    return text


def one_line(text: str) -> str:
    """The text on one line: what a terminal or a log reader would act on becomes a backslash escape, cut.

    >>> one_line("a" + chr(10) + chr(27) + "[31mred")
    'a\\\\n\\\\u001b[31mred'
    """
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text)} characters)"
    if text.isprintable():
        return text
    return "".join(_escape(char) for char in text)


def quoted(value: object) -> str:
    """The value of one `name=value` pair, in quotes where it is more than one plain word.

    >>> quoted("East"), quoted("two words"), quoted(0.5)
    ('East', '"two words"', '0.5')
    """
    text = value if isinstance(value, str) else str(value)
    if _PLAIN.fullmatch(text) and len(text) <= LONGEST:
        return text
    return '"' + one_line(text).replace('"', '\\"') + '"'


def _escape(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    return f"\\u{ord(char):04x}" if unicodedata.category(char) in _UNSAFE else char
