"""What the AdventureWorks files add up to: a plain recount with csv and Decimal.

Shares no code with the product: an error of the product cannot hide here. It reads the clean `orders.csv`,
`Returns.csv` and the tables they refer to; the broken rows of Returns.csv are named, not counted.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

CENT = Decimal("0.01")
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SHOP = DATA / "adventureworks"
REVIEWS = DATA / "reviews" / "waimai_10k.csv"

#: (month "2015-01", region, product line)
Cut = tuple[str, str, str]


@dataclass
class Recount:
    """The figures by month, region and product line; orders by month and region only."""

    revenue: dict[Cut, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    units: dict[Cut, int] = field(default_factory=lambda: defaultdict(int))
    order_lines: dict[Cut, int] = field(default_factory=lambda: defaultdict(int))
    refunds: dict[Cut, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    refund_rows: int = 0
    orders: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    duplicates: int = 0
    broken: list[tuple[int, str]] = field(default_factory=list)


def folder() -> Path:
    """The folder of the sample files; an error that says where they belong if they are not there."""
    if not (SHOP / "orders.csv").is_file():
        raise AssertionError(
            f"the sample data is missing: {SHOP / 'orders.csv'} belongs beside the project, in shared/data"
        )
    return SHOP


def _table(name: str) -> list[list[str]]:
    with (folder() / name).open(newline="", encoding="utf-8") as lines:
        return list(csv.reader(lines))


def _products() -> dict[str, tuple[Decimal, str]]:
    """Product key → price and product line."""
    keys, names = _table("Product_Categories.csv")
    categories = dict(zip(keys[1:], names[1:], strict=True))
    line_of: dict[str, str] = {}
    for row in _table("Product_Subcategory.csv")[1:]:
        if row[3]:
            line_of.setdefault(
                row[0], categories[row[3]]
            )  # the list stands there twice; its second copy has holes
    return {row[0]: (Decimal(row[8]), line_of[row[1]]) for row in _table("Products.csv") if row[0].isdigit()}


def regions() -> dict[str, str]:
    """Territory key → region."""
    return {row[0]: row[1] for row in _table("Territories.csv")[1:]}


def recount() -> Recount:
    """Everything, counted once."""
    products, names, result = _products(), regions(), Recount()
    seen: set[tuple[str, str]] = set()
    for date, number, line, product, _, territory, quantity in _table("orders.csv")[1:]:
        if (number, line) in seen:
            result.duplicates += 1
            continue
        seen.add((number, line))
        price, product_line = products[product]
        cut = (date[:7], names[territory], product_line)
        result.revenue[cut] += (price * int(quantity)).quantize(CENT, ROUND_HALF_EVEN)
        result.units[cut] += int(quantity)
        result.order_lines[cut] += 1
        if line == "1":
            result.orders[cut[:2]] += 1
    _refunds(products, names, result)
    return result


def _refunds(products: dict[str, tuple[Decimal, str]], names: dict[str, str], result: Recount) -> None:
    for number, (date, territory, product, quantity) in enumerate(_table("Returns.csv")[1:], start=2):
        if territory not in names or product not in products:
            result.broken.append((number, territory if territory not in names else product))
            continue
        price, product_line = products[product]
        _, month, year = date.split("/")
        cut = (f"{year}-{month}", names[territory], product_line)
        result.refunds[cut] += (price * int(quantity)).quantize(CENT, ROUND_HALF_EVEN)
        result.refund_rows += 1
