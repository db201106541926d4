"""Every error that Planwatch raises on purpose.

    PlanwatchError                 what was wrong, where, and what to do
    ├── CatalogueError             the catalogue cannot be used: every problem with file, line, column, remedy
    ├── SettingsError              a setting is wrong: its name, its value, its rule
    ├── FormulaError               a KPI's formula cannot be read or computed
    ├── BrokerError                Kafka refuses or cannot be reached
    │   ├── TopicsError            topics are missing or unequal: names the command that mends them
    │   └── LogTruncatedError      a topic was re-created or cut behind our stamp
    ├── StateError                 the stored state cannot be read, or confirming it failed
    ├── ChannelError               a notice could not be delivered (carries: retry or give up)
    ├── ExportError                a point could not be written
    └── InputError                 a file, a map or an argument of the command line is wrong

Expected outcomes (late, duplicate, refused, suppressed) are values, not errors.
"""


class PlanwatchError(Exception):
    """A failure with its remedy.

    `str()` gives one line: subject, offending value, rule, remedy.
    """

    #: the process exit code when this ends a command
    exit_code = 1

    def __init__(self, what: str, *, remedy: str = "") -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(f"{what} — {remedy}" if remedy else what)


class CatalogueError(PlanwatchError):
    """The catalogue cannot be used; `problems` holds every line of the report."""

    exit_code = 3

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class SettingsError(PlanwatchError):
    """A setting has a value that cannot be used."""

    exit_code = 2


class FormulaError(PlanwatchError):
    """A formula has a part that is not arithmetic over its measures."""

    exit_code = 3


class BrokerError(PlanwatchError):
    """Kafka refuses, or cannot be reached."""

    exit_code = 4


class TopicsError(BrokerError):
    """Topics are missing, or partitions that must be equal are not."""


class LogTruncatedError(BrokerError):
    """A topic ends before the offset up to which it was already counted."""


class StateError(PlanwatchError):
    """Stored state cannot be read, or writing it was not confirmed."""

    exit_code = 5


class ChannelError(PlanwatchError):
    """A notice could not be delivered.

    `retry` tells whether trying again may help; `after_s` is the wait the receiver asked for.
    """

    exit_code = 6

    def __init__(self, what: str, *, remedy: str = "", retry: bool, after_s: float | None = None) -> None:
        self.retry = retry
        self.after_s = after_s
        super().__init__(what, remedy=remedy)


class ExportError(PlanwatchError):
    """A point could not be written."""

    exit_code = 6


class InputError(PlanwatchError):
    """A file, a map or an argument is wrong."""

    exit_code = 2
