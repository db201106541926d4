"""The names of topics, groups and tables, and which event kinds live where."""

from dataclasses import dataclass

#: the input topics, without prefix: their event kinds are found in schemas/events
INPUTS = ("sales.v1", "feedback.v1", "sentiment.v1")


@dataclass(frozen=True, slots=True)
class Names:
    """Every name on the broker of one installation.

    >>> Names("planwatch").inputs[0]
    'planwatch.sales.v1'
    """

    prefix: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """The input topics."""
        return tuple(f"{self.prefix}.{name}" for name in INPUTS)

    @property
    def cells(self) -> str:
        """Pages, ledgers, catalogues, rosters: one partition, deleted by age."""
        return f"{self.prefix}.cells.v1"

    @property
    def inbox(self) -> str:
        """Transitions, commands, ticks: one partition, deleted by age."""
        return f"{self.prefix}.inbox.v1"

    def dlq(self, topic: str) -> str:
        """Where what could not be read of this topic goes."""
        return f"{topic}.dlq"

    def app(self, stage: str) -> str:
        """The application id and consumer group of a stage (measure, evaluate, respond)."""
        return f"{self.prefix}-{stage}"

    def table(self, topic: str) -> str:
        """The Faust table that keeps a log's fold, named after the log."""
        return topic.removeprefix(f"{self.prefix}.").replace(".", "-")

    def changelog(self, stage: str, topic: str) -> str:
        """The changelog topic of that table: as many partitions as the topic, compacted."""
        return f"{self.app(stage)}-{self.table(topic)}-changelog"
