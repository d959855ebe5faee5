"""Read decisions off a margin multiple: what a change brings, what must be retained, what all are worth."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import SupportsFloat

from crmkit import _params
from crmkit.clv.margin import LifetimeValue, MarginMultiple, Result, margin_multiple, short


@dataclass(frozen=True, slots=True, repr=False)
class WhatIf(Result):
    """A value before and after a change of its assumptions.

    Parameters
    ----------
    before, after : MarginMultiple or LifetimeValue
        The two results that are compared.
    difference : float
        After minus before.
    change : float
        Difference as a share of before, 0.05 for 5 %; NaN where before is 0. What ``float()`` gives.

    Examples
    --------
    >>> better = what_if(margin_multiple(retention=0.80, discount=0.12), retention=0.82)
    >>> round(better.change, 4)
    0.0933
    """

    before: MarginMultiple | LifetimeValue
    after: MarginMultiple | LifetimeValue
    difference: float
    change: float

    def __float__(self) -> float:
        return self.change

    def __repr__(self) -> str:
        before, after = short(float(self.before)), short(float(self.after))
        return f"WhatIf({before} → {after}, {100 * self.change:+.2f} %)"


@dataclass(frozen=True, slots=True, repr=False)
class CompanyValue(Result):
    """What all customers together are worth.

    Parameters
    ----------
    value : float
        Number of customers times the value of one, added over the groups; what ``float()`` gives.
    customers : float
        Number of customers in all groups.
    average : float
        Value per customer; NaN without customers.

    Examples
    --------
    >>> company_value([500, 1000], [1000, 200 * 0.9 / 0.22])
    CompanyValue(1318181.82; 1500 customers, 878.79 on average)
    """

    value: float
    customers: float
    average: float

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        return (
            f"CompanyValue({self.value:.2f}; {self.customers:.0f} customers, {self.average:.2f} on average)"
        )


@dataclass(frozen=True, slots=True, repr=False)
class BreakEvenRetention(Result):
    """The retention at which a customer's margins pay back what was spent to win her.

    Parameters
    ----------
    retention : float
        The break-even rate per period; NaN where no rate up to 1 is enough. What ``float()`` gives.
    margin : float
        Margin a period.
    cost : float
        What has to be paid back, in the currency of the margin.
    discount : float
        Discount rate per period.

    Examples
    --------
    >>> break_even_retention(100, 2000, discount=0.12)
    BreakEvenRetention(not reachable; margin 100 against a cost of 2000, discount 0.12)
    """

    retention: float
    margin: float
    cost: float
    discount: float

    def __float__(self) -> float:
        return self.retention

    def __repr__(self) -> str:
        rate = "not reachable" if math.isnan(self.retention) else short(self.retention)
        return (
            f"BreakEvenRetention({rate}; margin {self.margin:g} against a cost of {self.cost:g}, "
            f"discount {self.discount:g})"
        )


def what_if(
    base: MarginMultiple | LifetimeValue,
    *,
    retention: float | None = None,
    discount: float | None = None,
    growth: float | None = None,
    margin: float | None = None,
) -> WhatIf:
    """Compare a multiple or a lifetime value with itself after a change of its assumptions.

    Parameters
    ----------
    base : MarginMultiple or LifetimeValue
        The result to start from; its horizon and timing are kept.
    retention, discount, growth : float, optional
        New rates per period; None keeps the old one.
    margin : float, optional
        New margin a period; only where `base` is a LifetimeValue.

    Returns
    -------
    WhatIf
        Both results, their difference and the relative change, which ``float()`` gives.

    Raises
    ------
    ParameterError
        If a new rate is outside its range, nothing is changed, or a multiple is given a margin.

    Notes
    -----
    What a point of retention is worth depends on where it starts: it is to be computed, not assumed.

    Examples
    --------
    >>> what_if(margin_multiple(retention=0.80, discount=0.12), retention=0.82)
    WhatIf(2.5 → 2.7333, +9.33 %)
    """
    old = base.multiple if isinstance(base, LifetimeValue) else base
    if not isinstance(old, MarginMultiple):
        _params.fail("base", "a MarginMultiple or a LifetimeValue", base)
    if margin is not None and not isinstance(base, LifetimeValue):
        _params.fail("margin", "left out unless `base` is a LifetimeValue", margin)
    rates = {"retention": retention, "discount": discount, "growth": growth}
    changed = {name: rate for name, rate in rates.items() if rate is not None}
    if not changed and margin is None:
        _params.fail("retention", "given, or another rate to change", retention)
    kept = {name: value for name, value in asdict(old).items() if name != "multiple"}
    multiple = margin_multiple(**{**kept, **changed})
    new: MarginMultiple | LifetimeValue = multiple
    if isinstance(base, LifetimeValue):
        m = base.margin if margin is None else _params.number("margin", margin)
        new = LifetimeValue(m * float(multiple), m, multiple)
    difference = float(new) - float(base)
    return WhatIf(base, new, difference, difference / float(base) if float(base) else float("nan"))


def company_value(
    customers: float | Sequence[float], value: SupportsFloat | Sequence[SupportsFloat]
) -> CompanyValue:
    """Value a company's customer base, as one group or as several.

    Parameters
    ----------
    customers : float or sequence of float
        Number of customers, of the base or of each group.
    value : float, LifetimeValue or sequence of them
        Lifetime value of one customer, of the base or of each group.

    Returns
    -------
    CompanyValue
        The sum over the groups; ``float()`` gives the number.

    Raises
    ------
    ParameterError
        If a number of customers is negative or the two lists differ in length.

    References
    ----------
    Gupta, S., Lehmann, D. R. and Stuart, J. A. (2004), Valuing customers, Journal of Marketing Research
    41(1), 7-18.

    Examples
    --------
    >>> company_value(43_700_000, 166.94)
    CompanyValue(7295278000.00; 43700000 customers, 166.94 on average)
    """
    counts = list(customers) if isinstance(customers, Sequence) else [customers]
    values = list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
    if len(counts) != len(values):
        _params.fail("value", f"as long as `customers`, {len(counts)}", value)
    sizes = [_params.number("customers", count, low=0) for count in counts]
    worths = [_params.number("value", float(one) if isinstance(one, Result) else one) for one in values]
    total = sum(size * worth for size, worth in zip(sizes, worths, strict=True))
    base = sum(sizes)
    return CompanyValue(total, base, total / base if base else float("nan"))


def break_even_retention(
    margin: float,
    cost: float,
    *,
    discount: float,
    growth: float = 0.0,
    periods: int | None = None,
    immediate: bool = False,
) -> BreakEvenRetention:
    """Find the retention at which the lifetime value of a customer equals the cost of winning her.

    Parameters
    ----------
    margin : float
        Margin a period, above 0.
    cost : float
        Acquisition cost, or any other sum to be paid back, at least 0.
    discount : float
        Discount rate per period, at least 0.
    growth : float, default 0
        Growth of the margin from one period to the next.
    periods : int, optional
        Number of margins that count; None counts them all.
    immediate : bool, default False
        Whether the first margin comes now and not one period from now.

    Returns
    -------
    BreakEvenRetention
        The rate, 0 where even a customer who leaves at once pays, NaN where none up to 1 is enough.

    Raises
    ------
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    Without a horizon and with k = cost / margin, k = r/(1 + i − r(1 + g)) is solved for r; with a horizon the
    root is found numerically: the multiple grows with r.

    Examples
    --------
    >>> break_even_retention(100, 300, discount=0.12)
    BreakEvenRetention(0.84; margin 100 against a cost of 300, discount 0.12)
    """
    m = _params.number("margin", margin, low=0, open_low=True)
    k = _params.number("cost", cost, low=0) / m
    start = margin_multiple(
        retention=0, discount=discount, growth=growth, periods=periods, immediate=immediate
    )
    r = 0.0
    if k > start.multiple:
        r = _endless(k, start) if start.periods is None else _within_horizon(k, start)
    return BreakEvenRetention(r, m, float(cost), start.discount)


def _endless(k: float, start: MarginMultiple) -> float:
    i, g = start.discount, start.growth
    if start.immediate:
        r = (1 + i) * (1 - 1 / k) / (1 + g) if g > -1 else float("inf")
    else:
        r = k * (1 + i) / (1 + k * (1 + g))
    return r if r <= 1 else float("nan")


def _within_horizon(k: float, start: MarginMultiple) -> float:
    from scipy.optimize import brentq

    rates = {name: value for name, value in asdict(start).items() if name not in ("multiple", "retention")}

    def missing(r: float) -> float:
        return float(margin_multiple(retention=r, **rates)) - k

    if missing(1.0) < 0:
        return float("nan")
    return float(brentq(missing, 0.0, 1.0, xtol=1e-14))
