"""The whole catalogue from its folder, or every reason why not."""

from pathlib import Path

from schemas.catalogue import Catalogue
from schemas.errors import CatalogueError
from streams.catalogue.checks import all_problems
from streams.catalogue.draft import Draft, read_draft
from streams.catalogue.problem import Problem


def find_problems(folder: Path) -> list[Problem]:
    """Everything that is wrong with the catalogue in this folder, in the order of files and lines."""
    return _problems(read_draft(folder))


def load_catalogue(folder: Path) -> Catalogue:
    """The catalogue in this folder, resolved and checked.

    CatalogueError carries every problem at once, each `file:line:column: what, offending value — remedy`.
    """
    draft = read_draft(folder)
    problems = _problems(draft)
    if problems:
        raise CatalogueError([str(problem) for problem in problems])
    return Catalogue(
        installation=draft.installation.models[0],
        dimensions=draft.dimensions.models,
        tiers=draft.tiers.models,
        kpis={kpi.id: kpi for kpi in draft.kpis.models},
        rules={rule.id: rule for rule in draft.rules.models},
        people={person.id: person for person in draft.people.models},
        channels={channel.id: channel for channel in draft.channels.models},
        routes=draft.routes.models,
    )


def _problems(draft: Draft) -> list[Problem]:
    return sorted(set(draft.problems) | set(all_problems(draft)))
