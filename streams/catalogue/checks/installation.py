"""The installation: its time zone exists, its working hours are hours, what it keeps is nested."""

from collections.abc import Iterator
from zoneinfo import available_timezones

from schemas.catalogue import Installation, WorkingHours
from schemas.period import DAY_MS, HOUR_MS, MINUTE_MS
from streams.catalogue.draft import Draft
from streams.catalogue.entry import Entry
from streams.catalogue.problem import Problem, suggest

_SPANS = (
    "disorder",
    "future_limit",
    "stale_after",
    "dedupe_horizon",
    "idle_after",
    "keep_minutes",
    "keep_hours",
    "keep_days",
)


def check(draft: Draft) -> Iterator[Problem]:
    """Problems of installation.yaml."""
    for entry, installation in draft.installation:
        yield from _time_zone(entry, installation.time_zone)
        yield from _working_hours(entry, installation.working_hours)
        yield from _kept(entry, installation)


def _time_zone(entry: Entry[Installation], name: str) -> Iterator[Problem]:
    zones = available_timezones()
    if name not in zones:
        yield entry.problem(
            ("time_zone",), f"unknown time zone {name!r}", suggest(name, zones, plural="IANA time zones")
        )


def _working_hours(entry: Entry[Installation], hours: WorkingHours) -> Iterator[Problem]:
    for name in ("start", "end"):
        text: str = getattr(hours, name)
        if not ("00:00" <= text <= "24:00" and text[3:] < "60"):
            yield entry.problem(("working_hours", name), f"{text!r} is not a time of day", "write 09:00")
    if hours.start >= hours.end:
        what = f"work starts at {hours.start} and ends at {hours.end}"
        yield entry.problem(("working_hours",), what, "let it end later on the same day")
    wrong = [day for day in hours.days if not 1 <= day <= 7]
    if wrong or not hours.days or len(set(hours.days)) != len(hours.days):
        what = f"{hours.days} are not weekdays"
        yield entry.problem(
            ("working_hours", "days"), what, "list some of 1 (Monday) to 7 (Sunday), each once"
        )


def _kept(entry: Entry[Installation], installation: Installation) -> Iterator[Problem]:
    for name in _SPANS:
        if getattr(installation, name).working:
            yield entry.problem((name,), f"{name}: working hours mean nothing here", "write h instead of wh")
    limits = (("keep_minutes", HOUR_MS, "1h"), ("keep_hours", DAY_MS, "24h"), ("keep_days", 8 * DAY_MS, "8d"))
    for name, least, text in limits:
        if getattr(installation, name).ms < least:
            yield entry.problem((name,), f"{name} is {getattr(installation, name)}", f"keep at least {text}")
    if not installation.keep_minutes.ms <= installation.keep_hours.ms <= installation.keep_days.ms:
        yield entry.problem(
            ("keep_minutes",),
            "minutes are kept longer than hours, or hours longer than days",
            "keep the coarser longer",
        )
    if installation.disorder.ms + MINUTE_MS > installation.keep_minutes.ms:
        what = f"disorder {installation.disorder} is longer than minutes are kept"
        yield entry.problem(
            ("disorder",), what, "shorten it to some seconds; later events are counted as late"
        )
