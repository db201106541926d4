"""Whether every change of tier, and nothing else, is a point in InfluxDB."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from schemas.records import Transition
from tests.faults.oracle.points import Fields


def differences(
    points: Mapping[tuple[str, int], Fields],
    transitions: Collection[Transition],
    ladder: Sequence[str],
    last_end_ms: int,
) -> Iterator[str]:
    """`ladder` from the mildest tier; a rung of a pane end stands `seq` milliseconds behind it."""
    wanted = {
        (_series(one), one.end_ms + one.seq): {"rank": _rank(one.tier, ladder), "tier": one.tier}
        for one in transitions
        if one.end_ms <= last_end_ms
    }
    found = {
        (series, at): dict(fields)
        for (series, at), fields in points.items()
        if series.startswith("tier,") and at - at % 60_000 <= last_end_ms
    }
    for key in sorted({*wanted, *found}):
        if wanted.get(key) != found.get(key):
            yield f"{key}: {found.get(key)}, should be {wanted.get(key)}"


def _series(transition: Transition) -> str:
    level = "+".join(transition.scope) or "company"
    tags = sorted([("level", level), ("rule", transition.rule), *transition.scope.items()])
    return ",".join(["tier", *(f"{name}={value}" for name, value in tags)])


def _rank(tier: str, ladder: Sequence[str]) -> float:
    return float(ladder.index(tier) + 1) if tier in ladder else 0.0
