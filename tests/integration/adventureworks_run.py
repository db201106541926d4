"""The AdventureWorks installation of the tests: catalogue, files, and the command line that works on it."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.integration import adventureworks_oracle as oracle
from tests.servers.planwatch import REPOSITORY, environment

ORDERS_MAP, REVIEWS_MAP = "deploy/maps/adventureworks.yaml", "deploy/maps/waimai.yaml"
CLEAN = ("orders.csv", "Returns.csv")
RAW = ("Sales_2015.csv", "Sales_2016.csv", "Sales_2017.csv", "Returns.csv")
#: what the files hold: lines, good returns, reviews
ORDER_ROWS, REFUND_ROWS, REVIEW_ROWS = 56_047, 1_800, 11_987
#: of so many reviews the worker's test sends one, unless it is told to send all of them
_THINNED = 1 if os.environ.get("PLANWATCH_TEST_ALL_REVIEWS") else 10
_MINUTES_BETWEEN = 109


class Reviews(NamedTuple):
    """A file of reviews with its map."""

    file: Path
    map: str
    rows: int


ALL_REVIEWS = Reviews(oracle.REVIEWS, REVIEWS_MAP, REVIEW_ROWS)


def thinned_reviews(folder: Path) -> Reviews:
    """Every tenth review, or all, over the same two and a half years: each is thirty pane ends."""
    with oracle.REVIEWS.open(newline="", encoding="utf-8") as lines:
        head, *rows = csv.reader(lines)
    kept = rows[::_THINNED]
    file = folder / oracle.REVIEWS.name
    with file.open("w", newline="", encoding="utf-8") as thinned:
        csv.writer(thinned).writerows([head, *kept])
    rare = folder / "reviews.yaml"
    often = (REPOSITORY / REVIEWS_MAP).read_text("utf-8")
    every = f"every: {_MINUTES_BETWEEN}m"
    assert every in often
    rare.write_text(often.replace(every, f"every: {_MINUTES_BETWEEN * _THINNED}m"), "utf-8")
    return Reviews(file, str(rare), len(kept))


def make_catalogue(folder: Path) -> Path:
    """A catalogue as `planwatch init` makes it, live, with the shop's currency and time zone."""
    planwatch(["init", str(folder)], dict(os.environ), check=True)
    path = folder / "installation.yaml"
    changed = {"currency": "USD", "time_zone": "America/Los_Angeles", "live": "true", "idle_after": "3s"}
    lines = [line for line in path.read_text("utf-8").splitlines() if line.partition(":")[0] not in changed]
    path.write_text(
        "\n".join([*lines, *(f"{name}: {value}" for name, value in changed.items()), ""]), "utf-8"
    )
    return folder


def planwatch(
    arguments: Sequence[str], env: dict[str, str], *, check: bool = False
) -> "subprocess.CompletedProcess[str]":
    """One command to its end."""
    command = [sys.executable, "-m", "streams.cli.main", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return done


class Shop:
    """One installation on a broker: its environment, and the commands on it."""

    def __init__(self, bootstrap: str, prefix: str, catalogue: Path, **settings: object) -> None:
        self.prefix = prefix
        self.env = environment(bootstrap, prefix, catalogue, **settings)
        planwatch(["topics", "apply"], self.env, check=True)

    def publish(
        self, files: Sequence[str], *options: str, reviews: Reviews | None = ALL_REVIEWS
    ) -> dict[str, Any]:
        """The report of one publish; all reviews come with it unless told otherwise."""
        report: dict[str, Any] = json.loads(self.try_publish(files, *options, reviews=reviews).stdout)
        return report

    def try_publish(
        self, files: Sequence[str], *options: str, reviews: Reviews | None = ALL_REVIEWS
    ) -> "subprocess.CompletedProcess[str]":
        """One publish as a finished process."""
        return planwatch(self.arguments(files, *options, reviews=reviews), self.env)

    def arguments(
        self, files: Sequence[str], *options: str, reviews: Reviews | None = ALL_REVIEWS
    ) -> list[str]:
        """The command line of a publish."""
        paths = [str(oracle.folder() / name) for name in files] + ([str(reviews.file)] if reviews else [])
        maps = ["--map", ORDERS_MAP, "--map", (reviews or ALL_REVIEWS).map]
        return ["publish", *paths, *maps, "--json", *options]
