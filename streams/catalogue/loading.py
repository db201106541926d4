"""The whole catalogue from its folder, or every reason why not."""

from pathlib import Path

from schemas.catalogue import Catalogue
from schemas.errors import CatalogueError
from schemas.kpi import Kpi
from streams.catalogue.checks import all_problems
from streams.catalogue.checks.channels import Kinds
from streams.catalogue.draft import Draft, read_draft
from streams.catalogue.problem import Problem

#: the unit of a KPI that is money, whatever the installation's money is
CURRENCY = "currency"


def find_problems(folder: Path, kinds: Kinds | None = None) -> list[Problem]:
    """Everything that is wrong with the catalogue in this folder, in the order of files and lines.

    `kinds` are the kinds of channels there are; without them their options are not looked at.
    """
    return _problems(read_draft(folder), kinds)


def load_catalogue(folder: Path, kinds: Kinds | None = None) -> Catalogue:
    """The catalogue in this folder, resolved and checked.

    CatalogueError carries every problem at once, each `file:line:column: what, offending value — remedy`.
    """
    draft = read_draft(folder)
    problems = _problems(draft, kinds)
    if problems:
        raise CatalogueError([str(problem) for problem in problems])
    installation = draft.installation.models[0]
    return Catalogue(
        installation=installation,
        dimensions=draft.dimensions.models,
        tiers=draft.tiers.models,
        kpis={kpi.id: _in_currency(kpi, installation.currency) for kpi in draft.kpis.models},
        rules={rule.id: rule for rule in draft.rules.models},
        people={person.id: person for person in draft.people.models},
        channels={channel.id: channel for channel in draft.channels.models},
        routes=draft.routes.models,
    )


def _in_currency(kpi: Kpi, currency: str) -> Kpi:
    """The KPI with the unit `currency` resolved to the installation's."""
    return kpi.model_copy(update={"unit": currency}) if kpi.unit == CURRENCY else kpi


def _problems(draft: Draft, kinds: Kinds | None) -> list[Problem]:
    return sorted(set(draft.problems) | set(all_problems(draft, kinds)))
