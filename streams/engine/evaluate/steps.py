"""Work that is cut into steps of bounded size, between which whoever runs it may do something else.

A step is what lies between two `yield`s. How long one takes is bounded by what it looks at: one page, one
window, one rule, one KPI, some thousands of rows. Nothing here knows how long that is in seconds.
"""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
#: work in steps; gives its result at the end
Steps = Generator[None, None, T]


def at_once(steps: Steps[T]) -> T:
    """The result of work whose steps nobody waits between.

    >>> def work():
    ...     yield
    ...     return "done"
    >>> at_once(work())
    'done'
    """
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
