"""The panels about Planwatch itself: what comes in, what is refused, how far behind, what goes out."""

from collections.abc import Iterator
from typing import NamedTuple

from streams.board import sdk


class Question(NamedTuple):
    """One panel: its name, title, unit, query and legend."""

    key: str
    title: str
    unit: str
    text: str
    legend: str


QUESTIONS = (
    Question(
        "events", "Events by outcome · 事件去向", "short",
        "sum by (topic, reason) (rate(planwatch_ledger_events_total[5m]))", "{{topic}} {{reason}}",
    ),
    Question(
        "lag", "Events not yet read · 未读事件", "short",
        "sum by (topic) (planwatch_source_lag_events)", "{{topic}}",
    ),
    Question(
        "behind", "Watermark behind now · 水位滞后", "s",
        "time() - min by (topic) (planwatch_watermark_timestamp_seconds)", "{{topic}}",
    ),
    Question(
        "judged", "Judged up to, behind now · 评估滞后", "s",
        "time() - max(planwatch_frontier_timestamp_seconds)", "frontier",
    ),
    Question(
        "latency", "Event to transition, 95 % · 事件到预警 95 分位", "s",
        "histogram_quantile(0.95, sum by (le) (rate(planwatch_event_to_transition_seconds_bucket[5m])))",
        "p95",
    ),
    Question(
        "queue", "Points waiting for a sink · 待写入点数", "short",
        "sum by (sink, place) (planwatch_sink_waiting_points)", "{{sink}} {{place}}",
    ),
    Question(
        "notices", "Notices · 通知", "short",
        "sum by (channel, outcome) (increase(planwatch_notices_total[1h]))", "{{channel}} {{outcome}}",
    ),
    Question(
        "series", "Series left out · 超限序列", "short",
        "max(planwatch_series_dropped)", "dropped",
    ),
)  # fmt: skip


def health_panels() -> Iterator[sdk.Panel]:
    """One panel a question."""
    for question in QUESTIONS:
        frame = sdk.Frame(question.key, question.title, question.unit)
        yield sdk.curves(frame, [sdk.promql("A", question.text, question.legend)], sdk.PROMETHEUS)
