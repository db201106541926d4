"""The catalogue that ships, read once for all tests of a process: it cannot be changed."""

from functools import cache

from schemas.catalogue import Catalogue
from streams.catalogue import default_folder, load_catalogue


@cache
def default_catalogue() -> Catalogue:
    """The default catalogue."""
    return load_catalogue(default_folder())
