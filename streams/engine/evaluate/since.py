"""From when each measure is complete: what decides whether a window is still warming up.

The first pane that closes with content is where data begins. A measure that a later catalogue adds begins
when the last page that does not count it has become known.
"""

from collections.abc import Iterable

from streams.engine.evaluate.columns import Columns


class Since:
    """The instant from which each column is complete; None before the first content.

    >>> columns = Columns()
    >>> columns.add("order.count", "count", 1)
    >>> since = Since(columns)
    >>> since.of([0]) is None
    True
    >>> since.begin(120_000); since.of([0])
    120000
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self.first_ms: int | None = None
        self.measures: dict[str, int] = {}
        #: changes with every answer that may have changed
        self.revision = 0

    def begin(self, pane_start: int) -> None:
        """The first content closes in this pane."""
        self.first_ms = pane_start
        self.revision += 1

    def lacking(self, keys: Iterable[str], end_ms: int) -> None:
        """A page that becomes known up to here does not count these measures."""
        for key in keys:
            self.revision += 1
            self.measures[key] = max(end_ms, self.measures.get(key, end_ms))

    def lacks(self, columns: Iterable[int], start_ms: int) -> bool:
        """Whether one of these columns was not yet counted in a pane that begins here, for all one knows."""
        keys = self._columns.keys
        return any(self.measures.get(keys[at], start_ms) > start_ms for at in columns)

    def of(self, columns: Iterable[int]) -> int | None:
        """From when all of these columns are complete."""
        if self.first_ms is None:
            return None
        keys = self._columns.keys
        return max((self.measures.get(keys[at], self.first_ms) for at in columns), default=self.first_ms)
