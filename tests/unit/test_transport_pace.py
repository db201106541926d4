"""How long fetches wait: not at all long where something else waits behind them."""

import pytest

from streams.transport import FetchPace

SHORTEST, SHORT, LONG = FetchPace.SHORTEST_MS, FetchPace.SHORT_MS, FetchPace.LONG_MS


@pytest.mark.parametrize(
    ("now_s", "partitions", "heard_at_s", "wait_ms"),
    [
        pytest.param(5, 1, None, SHORTEST, id="partitions are being taken over"),
        pytest.param(5, 8, 5, SHORTEST, id="taken over, and one has records"),
        pytest.param(60, 0, None, SHORTEST, id="a standby, whose first fetch is that of a takeover"),
        pytest.param(60, 8, None, LONG, id="nothing comes"),
        pytest.param(60, 8, 60, SHORT, id="one of several has records"),
        pytest.param(60, 8, 59.5, SHORT, id="one of several had some just now"),
        pytest.param(60, 8, 58, LONG, id="one of several had some a while ago"),
        pytest.param(60, 1, 60, LONG, id="the only one has records"),
    ],
)
def test_fetches_wait_for_long_only_where_nothing_waits_behind_them(
    now_s: float, partitions: int, heard_at_s: float | None, wait_ms: int
) -> None:
    pace = FetchPace(0)
    if heard_at_s is not None:
        pace.wait_ms(heard_at_s, heard=True, partitions=partitions)
    assert pace.wait_ms(now_s, heard=heard_at_s == now_s, partitions=partitions) == wait_ms


def test_waits_are_shortest_again_after_a_rebalance() -> None:
    pace = FetchPace(0)
    assert pace.wait_ms(100, heard=False, partitions=3) == LONG
    pace.begin(100)
    assert pace.wait_ms(101, heard=False, partitions=3) == SHORTEST
