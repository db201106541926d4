"""The base of every model: strict about names, immutable, ordered as declared.

`Model` refuses unknown fields, so that a misspelt key is an error and never silently ignored.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

#: a name in the catalogue: part of file names, metric names and tags
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
#: milliseconds since 1970-01-01T00:00Z
EpochMs = int
Language = Literal["en", "zh"]
#: dimension name → value; `{}` is the company
Scope = dict[str, str]


class Model(BaseModel):
    """An immutable value that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Text(Model):
    """A text people read, in both languages.

    >>> Text(en="Net revenue", zh="净销售额").get("zh")
    '净销售额'
    """

    en: str
    zh: str

    def get(self, language: Language) -> str:
        """The text in the language asked for."""
        return self.zh if language == "zh" else self.en


def scope_text(scope: Scope) -> str:
    """A scope as one stable line, sorted by dimension; the company is the empty line.

    Values come from events: `%`, `,` and `=` in them are escaped so that two scopes never share a line.

    >>> scope_text({"region": "East", "channel": "a,b"})
    'channel=a%2Cb,region=East'
    """
    return ",".join(f"{name}={_escape(scope[name])}" for name in sorted(scope))


def _escape(value: str) -> str:
    return value.replace("%", "%25").replace(",", "%2C").replace("=", "%3D")


def scope_of(text: str) -> Scope:
    """The scope that `scope_text` wrote.

    >>> scope_of("channel=a%2Cb,region=East") == {"region": "East", "channel": "a,b"}
    True
    >>> scope_of("")
    {}
    """
    parts = (part.split("=", 1) for part in text.split(",") if part)
    return {name: value.replace("%3D", "=").replace("%2C", ",").replace("%25", "%") for name, value in parts}
