"""The recount itself, against the totals that are known of the files."""

from decimal import Decimal

from tests.integration import adventureworks_oracle as oracle


def test_recount_has_the_known_totals() -> None:
    counted = oracle.recount()

    assert sum(counted.revenue.values()) == Decimal("24914583.66")
    assert sum(counted.units.values()) == 84_174
    assert sum(counted.order_lines.values()) == 56_046
    assert sum(counted.orders.values()) == 25_164
    assert counted.duplicates == 1


def test_recount_names_the_nine_broken_returns() -> None:
    counted = oracle.recount()

    assert [number for number, _ in counted.broken] == [5, 8, 20, 21, 31, 437, 511, 1184, 1719]
    assert counted.refund_rows == 1809 - 9
