"""Decides how numbers, money, times, lengths and scopes are written for people, in English and in Chinese.

It refuses to know what a card consists of. Nothing here depends on the machine's locale.
"""

import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.base import EpochMs, Language, Scope
from schemas.catalogue import Catalogue

MINUS = "−"
SYMBOLS = {"CNY": "¥", "JPY": "JP¥", "USD": "$", "EUR": "€", "GBP": "£", "HKD": "HK$", "KRW": "₩", "INR": "₹"}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WINDOWS = {
    "5m": ("5 minutes", "5 分钟"),
    "1h": ("1 hour", "1 小时"),
    "24h": ("24 hours", "24 小时"),
    "7d": ("7 days", "7 天"),
    "day": ("today", "今日"),
    "week": ("this week", "本周"),
    "month": ("this month", "本月"),
    "quarter": ("this quarter", "本季度"),
    "year": ("this year", "今年"),
}
#: share of a whole → its name, up to this share
_PARTS = (
    (0.22, "", ""),
    (0.29, "a quarter", "四分之一"),
    (0.30, "", ""),
    (0.37, "a third", "三分之一"),
    (0.46, "", ""),
    (0.54, "half", "一半"),
    (0.63, "", ""),
    (0.70, "two thirds", "三分之二"),
    (0.71, "", ""),
    (0.79, "three quarters", "四分之三"),
    (0.95, "", ""),
    (1.05, "nearly all", "几乎全部"),
)


def clean(text: str, limit: int = 200) -> str:
    """Text from outside made fit for a line: no control, format or line-breaking characters, at most `limit`.

    Bidirectional overrides and zero-width characters go too: they make a text read as what it is not.

    >>> clean("East" + chr(0x202E) + "\\n# red"), clean("abcdef", 4)
    ('East # red', 'abc…')
    """
    kept = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def number(value: float, digits: int) -> str:
    """A number with thousands separators and a real minus sign; never a negative zero.

    >>> number(-1234.5, 1), number(-0.04, 1)
    ('−1,234.5', '0.0')
    """
    text = f"{abs(value):,.{digits}f}"
    negative = value < 0 and any(c in "123456789" for c in text)
    return MINUS + text if negative else text


def signed(value: float, digits: int) -> str:
    """A number that always shows its sign; zero has none.

    >>> signed(3.14, 1), signed(-2, 0), signed(0, 1)
    ('+3.1', '−2', '0.0')
    """
    text = number(value, digits)
    return text if text.startswith(MINUS) or not any(c in "123456789" for c in text) else f"+{text}"


def percent(ratio: float, language: Language, digits: int = 1) -> str:
    """A signed percentage: −15.2 % in English, −15.2% in Chinese.

    >>> percent(-0.152, "en"), percent(0.5, "zh", 0)
    ('−15.2 %', '+50%')
    """
    return signed(100 * ratio, digits) + ("%" if language == "zh" else " %")


def quantity(
    value: float, unit: str, language: Language, digits: int | None = None, minor_digits: int = 2
) -> str:
    """A KPI's value as people write it; `unit` is a currency code, ratio, seconds or a counted thing.

    Money of 1,000 and more is written without decimals, unless `digits` says otherwise.

    >>> quantity(412_300.4, "CNY", "en"), quantity(-9.5, "CNY", "zh"), quantity(0.081, "ratio", "en")
    ('¥412,300', '−¥9.50', '8.1 %')
    >>> quantity(1234, "orders", "en"), quantity(15_000, "seconds", "en")
    ('1,234 orders', '4 h 10 min')
    """
    if unit == "ratio":
        return number(100 * value, 1 if digits is None else digits) + ("%" if language == "zh" else " %")
    if unit == "seconds":
        return (MINUS if value < 0 else "") + length(int(abs(value) * 1000), language)
    if len(unit) == 3 and unit.isupper():
        places = digits if digits is not None else (0 if abs(value) >= 1000 else minor_digits)
        text = number(abs(value), places)
        return (MINUS if value < 0 else "") + SYMBOLS.get(unit, f"{unit} ") + text
    places = digits if digits is not None else (0 if value == int(value) else 2)
    return number(value, places) + (f" {unit}" if language == "en" else "")


def length(ms: int, language: Language) -> str:
    """A length of time in its two largest units.

    >>> length(1_500_000, "en"), length(93_600_000, "zh"), length(42_000, "en")
    ('25 min', '1 天 2 小时', '42 s')
    """
    names = (("d", "天"), ("h", "小时"), ("min", "分钟"), ("s", "秒"))
    seconds = max(ms, 0) // 1000
    counts = (seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)
    first = next((i for i, count in enumerate(counts) if count), 3)
    shown = [i for i in (first, first + 1) if i <= 3 and counts[i] and not (i == 3 and first < 3)] or [3]
    return " ".join(f"{counts[i]} {names[i][language == 'zh']}" for i in shown)


def moment(ms: EpochMs, time_zone: str, language: Language, *, year: bool = True) -> str:
    """A moment in the business time zone, to the minute.

    >>> moment(1_795_312_800_000, "Asia/Shanghai", "en"), moment(1_795_312_800_000, "UTC", "zh", year=False)
    ('22 Nov 2026, 10:00', '11月22日 02:00')
    """
    local = datetime.fromtimestamp(ms / 1000, ZoneInfo(time_zone))
    clock = f"{local.hour:02}:{local.minute:02}"
    if language == "zh":
        return (f"{local.year}年" if year else "") + f"{local.month}月{local.day}日 {clock}"
    return f"{local.day} {MONTHS[local.month - 1]}" + (f" {local.year}" if year else "") + f", {clock}"


def part(share: float, language: Language) -> str:
    """A share of a whole in words: three quarters of; what has no name is a percentage.

    >>> part(0.75, "en"), part(0.75, "zh"), part(0.4, "en"), part(1.3, "zh")
    ('three quarters of', '约四分之三的', 'about 40 % of', '超过全部')
    """
    if share > _PARTS[-1][0]:
        return "超过全部" if language == "zh" else "more than all of"
    _, english, chinese = next(item for item in _PARTS if share <= item[0])
    if not english:
        whole = number(100 * share, 0)
        return f"约 {whole}% 的" if language == "zh" else f"about {whole} % of"
    if language == "zh":
        return "几乎全部" if chinese == "几乎全部" else f"约{chinese}的"
    return f"{english} of"


def scope_words(scope: Scope, catalogue: Catalogue, language: Language) -> str:
    """A scope in the catalogue's order of dimensions, each with its title; the company by its name."""
    if not scope:
        title = catalogue.installation.title.get(language)
        return f"全公司（{title}）" if language == "zh" else f"the whole company ({title})"
    titles = {one.id: one.title.get(language) for one in catalogue.dimensions}
    order = [name for name in catalogue.dimension_names if name in scope]
    order += sorted(set(scope) - set(order))
    joint = "，" if language == "zh" else ", "
    return joint.join(f"{titles.get(name, name)} {clean(scope[name], 60)}" for name in order)


def values_words(scope: Scope, catalogue: Catalogue, language: Language) -> str:
    """Only the values of a scope, in the catalogue's order: East, store, accessories."""
    if not scope:
        return "全公司" if language == "zh" else "company"
    order = [name for name in catalogue.dimension_names if name in scope]
    order += sorted(set(scope) - set(order))
    return ("、" if language == "zh" else ", ").join(clean(scope[name], 60) for name in order)
