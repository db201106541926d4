"""The catalogue's edge: a folder of YAML becomes a `Catalogue`, or a list of what is wrong with it.

Knows files, lines and names; judges nothing and reads no broker.
"""

from streams.catalogue.changes import diff
from streams.catalogue.checks.channels import ChannelKind
from streams.catalogue.default import default_folder
from streams.catalogue.loading import find_problems, load_catalogue
from streams.catalogue.problem import Problem

__all__ = ["ChannelKind", "Problem", "default_folder", "diff", "find_problems", "load_catalogue"]
