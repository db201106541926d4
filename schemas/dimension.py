"""A dimension: a field that figures are cut by."""

from pydantic import Field

from schemas.base import Model, Name, Text

#: the value an event counts under when it does not carry the dimension
UNKNOWN = "unknown"
#: the leaf that takes the values beyond a dimension's limit, so that totals stay exact
OTHER = "other"


class Dimension(Model):
    """One dimension of the catalogue.

    `parent` names the dimension it refines (store under region). `limit` is how many distinct values are
    kept apart; later ones count under `other`. `expected` lists values that must exist even if silent.
    """

    id: Name
    title: Text
    parent: Name | None = None
    limit: int = Field(default=200, ge=1, le=10_000)
    expected: list[str] = Field(default_factory=list)
