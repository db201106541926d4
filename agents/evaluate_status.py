"""What evaluate's page shows of the fold: where it stands, and its figures."""

from itertools import islice
from typing import Any

from streams.engine.evaluate import Evaluation

#: figures that /figures shows at most
_FIGURES = 20_000


def status_of(fold: Evaluation) -> dict[str, Any]:
    """Catalogue, frontier, ledgers, the reasons of all verdicts, and every tier that is not none."""
    verdicts = list(fold.verdicts_now())  # first: a pane that stands half closed is closed by whoever looks
    return {
        "catalogue": fold.catalogue.version if fold.catalogue else None,
        "frontier_ms": fold.frontier_ms,
        "version": fold.version,
        "ledgers": [ledger.model_dump() for _, ledger in sorted(fold.ledgers.items())],
        "verdicts": [{"rule": rule, "reason": reason, "scopes": scopes} for rule, reason, scopes in verdicts],
        "tiers": [
            {"rule": rule, "scope": scope, "tier": tier, "since_ms": since}
            for rule, scope, tier, since in fold.tiers()
        ],
    }


def figures_of(fold: Evaluation | None) -> dict[str, Any]:
    """The figures that stand at the frontier, the first 20,000 of them; none where nobody judges."""
    if fold is None:
        return {"frontier_ms": None, "figures": []}
    figures = [figure._asdict() for figure in islice(fold.figures_now(), _FIGURES)]
    return {"frontier_ms": fold.frontier_ms, "figures": figures}
