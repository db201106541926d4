"""What the respond worker shows of its state: the content of the page `/incidents`, as plain JSON values."""

from collections.abc import Sequence
from typing import Any

from schemas.base import scope_text
from schemas.catalogue import Catalogue
from schemas.incident import Incident
from streams.decisions.incident import state_word
from streams.decisions.obligation import next_due
from streams.engine.respond_state import ResponseState

#: incidents that are over, newest first, at most
CLOSED_SHOWN = 200


def page(state: ResponseState, incidents: Sequence[Incident], version: int) -> dict[str, Any]:
    """Incidents (all open ones, the newest that are over), silences and counts at this inbox offset."""
    closed = [one for one in incidents if not one.is_open]
    closed.sort(key=lambda one: -(one.resolved_ms or 0))
    silences = sorted(state.silences.values(), key=lambda one: one.id)
    shown = [*(one for one in incidents if one.is_open), *closed[:CLOSED_SHOWN]]
    return {
        "version": version,
        "now_ms": state.now_ms,
        "time_zone": state.catalogue.installation.time_zone if state.catalogue is not None else "UTC",
        "outbox": len(state.outbox),
        "incidents": [_incident(state.catalogue, one) for one in shown],
        "silences": [one.model_dump(mode="json") for one in silences],
        "counts": {str(reason): count for reason, count in sorted(state.counts.items())},
    }


def _incident(catalogue: Catalogue | None, incident: Incident) -> dict[str, Any]:
    rule = catalogue.rules.get(incident.rule) if catalogue is not None else None
    return {
        **incident.model_dump(mode="json"),
        "state": state_word(incident),
        "where": scope_text(incident.scope) or incident.subject,
        "title": rule.title.model_dump() if rule is not None else {"en": incident.rule, "zh": incident.rule},
        "due_ms": next_due(incident.obligations),
    }
