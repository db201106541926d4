"""Decides how a departure from what was expected is written: how much, against what, and each driver's part.

It refuses to know where and since when: that is the card's.
"""

from dataclasses import dataclass

from schemas.base import Language
from schemas.kpi import Kpi
from schemas.records import Driver, Transition
from schemas.rule import Rule
from streams.decisions.wording import part, percent, quantity, signed

#: what the drivers have a share of, by the side on which trouble lies
_NOUNS = {"below": ("the shortfall", "缺口"), "above": ("the excess", "超出"), "outside": ("the gap", "偏离")}


@dataclass(frozen=True, slots=True)
class Departure:
    """The figures of a transition with the rule and KPI that give them meaning, where the catalogue has them.

    `minor_digits`: decimals of the smallest unit of the currency.
    """

    last: Transition
    rule: Rule | None
    kpi: Kpi | None
    minor_digits: int

    def text(self, language: Language) -> str:
        """The value against what was expected, in terms of the rule's comparison; empty without a value."""
        value, expected = self.last.value, self.last.expected
        if self.last.cause == "quiet":
            return "没有收到任何事件" if language == "zh" else "no event has arrived"
        if self.kpi is None or value is None:
            return ""
        if self._compare == "value":
            return self._against_limit(self._written(value, language), language)
        if expected is None:
            return self._written(value, language)
        change = self._change(value, expected, language)
        if language == "zh":
            text = f"{self._written(value, language)}，预期 {self._written(expected, language)}"
            return text + (f"（{change}）" if change else "")
        text = f"{self._written(value, language)} vs {self._written(expected, language)} expected"
        return text + (f" ({change})" if change else "")

    def driver_text(self, driver: Driver, where: str, language: Language) -> str:
        """One driver: where, how far it moved, and its part of the whole departure."""
        zh = language == "zh"
        if driver.change is not None:
            moved = percent(driver.change, language, 0)
        else:
            moved = self._written(driver.value, language)
        noun = _NOUNS[self.rule.bad if self.rule is not None else "outside"][zh]
        share = part(driver.share, language)
        return f"{where}：{moved}，{share}{noun}" if zh else f"{where}: {moved}, {share} {noun}"

    @property
    def _compare(self) -> str:
        return self.rule.compare if self.rule is not None else "ratio"

    def _written(self, value: float, language: Language) -> str:
        if self.kpi is None:
            return signed(value, 2)
        return quantity(value, self.kpi.unit, language, self.kpi.digits, self.minor_digits)

    def _against_limit(self, value: str, language: Language) -> str:
        if self.last.threshold is None:
            return value
        limit = self._written(self.last.threshold, language)
        return f"{value}，阈值 {limit}" if language == "zh" else f"{value}, limit {limit}"

    def _change(self, value: float, expected: float, language: Language) -> str:
        if self._compare == "deviation" and self.last.departure is not None:
            return f"{signed(self.last.departure, 1)} σ"
        if self._compare == "difference":
            return self._difference(value - expected, language)
        return percent(value / expected - 1, language) if expected > 0 else ""

    def _difference(self, difference: float, language: Language) -> str:
        if self.kpi is not None and self.kpi.unit == "ratio":
            return signed(100 * difference, 1) + (" 个百分点" if language == "zh" else " points")
        text = self._written(difference, language)
        return f"+{text}" if difference > 0 else text
