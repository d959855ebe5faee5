"""Value customers as margin times a multiple that retention and a discount rate decide (Gupta and Lehmann).

A customer who brings the margin m each period, stays with probability r from one period to the next and
whose money is discounted at i a period is worth m·r/(1 + i − r). The factor is the margin multiple. Every
rate is per period, whatever the period is, and all of them have to be per the *same* period (mostly a year).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import narwhals as nw

from crmkit import _frames, _params
from crmkit.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

_LARGEST = 1.7e308
Number = TypeVar("Number", bound=Any)


class Result:
    """What every result of this room can do."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a plain dictionary, ready for JSON.

        Returns
        -------
        dict
            One item a field, in the order of the class.
        """
        return asdict(self)  # type: ignore[call-overload, no-any-return]  # every subclass is a dataclass


@dataclass(frozen=True, slots=True, repr=False)
class MarginMultiple(Result):
    """The factor that turns one period's margin into a lifetime value, with the rates behind it.

    Parameters
    ----------
    multiple : float
        Lifetime value for a margin of 1 a period; what ``float()`` gives.
    retention, discount, growth : float
        Rates per period.
    periods : int or None
        Number of margins counted; None when there is no horizon.
    immediate : bool
        Whether the first margin is received now and not one period from now.

    Examples
    --------
    >>> round(float(margin_multiple(retention=0.8, discount=0.12)), 4)
    2.5
    """

    multiple: float
    retention: float
    discount: float
    growth: float
    periods: int | None
    immediate: bool

    def __float__(self) -> float:
        return self.multiple

    def __repr__(self) -> str:
        rates = f"retention {self.retention:g}, discount {self.discount:g}"
        growth = f", growth {self.growth:g}" if self.growth else ""
        horizon = f", {self.periods} periods" if self.periods else ""
        first = "now" if self.immediate else "one period from now"
        return f"MarginMultiple({short(self.multiple)}; {rates}{growth}{horizon}, first margin {first})"


@dataclass(frozen=True, slots=True, repr=False)
class LifetimeValue(Result):
    """The value of one customer: a margin times its multiple.

    Parameters
    ----------
    value : float
        Lifetime value in the currency of the margin; what ``float()`` gives.
    margin : float
        Margin a period.
    multiple : MarginMultiple
        The factor, with its rates.

    Examples
    --------
    >>> round(float(lifetime_value(200, retention=0.9, discount=0.12)), 2)
    818.18
    """

    value: float
    margin: float
    multiple: MarginMultiple

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        return f"LifetimeValue({self.value:.2f}; margin {self.margin:g} × {self.multiple!r})"


def margin_multiple(
    *,
    retention: float,
    discount: float,
    growth: float = 0.0,
    periods: int | None = None,
    immediate: bool = False,
) -> MarginMultiple:
    """Compute the factor by which a margin is multiplied to give the lifetime value.

    Parameters
    ----------
    retention : float
        Probability r of staying from one period to the next, 0 to 1.
    discount : float
        Discount rate i per period, at least 0.
    growth : float, default 0
        Growth g of the margin from one period to the next, at least −1. The first margin is not grown.
    periods : int, optional
        Number of margins that count. None counts them all, for ever; then r(1 + g) < 1 + i is required.
    immediate : bool, default False
        False: the first margin comes one period from now, and only from those who stay till then.
        True: it comes now, from everybody.

    Returns
    -------
    MarginMultiple
        The factor with its assumptions; ``float()`` gives the number.

    Raises
    ------
    ParameterError
        If a rate is outside its range, or the margins grow so fast that their present value is infinite.

    Notes
    -----
    With q = r(1 + g)/(1 + i) and without a horizon the factor is r/(1 + i − r(1 + g)), or
    (1 + i)/(1 + i − r(1 + g)) with an immediate first margin. A horizon of n periods counts n margins in both
    cases: in the periods 1 … n, Σ rᵗ(1 + g)ᵗ⁻¹/(1 + i)ᵗ, or, immediate, in the periods 0 … n − 1, Σ qᵗ. So
    the immediate factor is always (1 + i)/r times the other one.

    References
    ----------
    Gupta, S. and Lehmann, D. R. (2003), Customers as assets, Journal of Interactive Marketing 17(1), 9-24.

    Examples
    --------
    >>> margin_multiple(retention=0.9, discount=0.12)
    MarginMultiple(4.0909; retention 0.9, discount 0.12, first margin one period from now)
    >>> margin_multiple(retention=0.9, discount=0.12, growth=0.03, periods=5, immediate=True)
    MarginMultiple(3.549; retention 0.9, discount 0.12, growth 0.03, 5 periods, first margin now)
    """
    r = _params.share("retention", retention)
    i, g, n, now = _rates(discount, growth, periods, immediate)
    if n is None:
        _require_finite(r, i, g)
    return MarginMultiple(float(_multiple(r, i, g, n, now)), r, i, g, n, now)


def _rates(
    discount: float, growth: float, periods: int | None, immediate: bool
) -> tuple[float, float, int | None, bool]:
    i = _params.number("discount", discount, low=0)
    g = _params.number("growth", growth, low=-1)
    n = None if periods is None else _params.integer("periods", periods, low=1)
    return i, g, n, _params.flag("immediate", immediate)


def _require_finite(r: float, i: float, g: float) -> None:
    if r * (1 + g) >= 1 + i:
        msg = (
            "retention × (1 + growth) must be below 1 + discount, or the margins add up to infinity. "
            f"Got {r:g} × {1 + g:g} = {r * (1 + g):g} against {1 + i:g}: give `periods`, a horizon."
        )
        raise ParameterError(msg)


def _multiple(r: Number, i: Number, g: float, n: int | None, immediate: bool) -> Number:
    """Compute the factor for plain numbers, numpy arrays and narwhals expressions: arithmetic only."""
    if n is None:
        return ((1 + i) if immediate else r) / (1 + i - r * (1 + g))  # type: ignore[no-any-return]
    total = _geometric(r * (1 + g) / (1 + i), n)
    return total if immediate else r / (1 + i) * total  # type: ignore[no-any-return]


def _geometric(q: Number, n: int) -> Number:
    """1 + q + … + qⁿ⁻¹ by doubling: nothing is divided by 1 − q, so it is exact at and near q = 1."""
    if n == 1:
        return q * 0 + 1  # type: ignore[no-any-return]
    doubled = _geometric(q, n // 2) * (q ** (n // 2) + 1)
    return q * doubled + 1 if n % 2 else doubled  # type: ignore[no-any-return]


def margin_multiple_table(
    retentions: Sequence[float] = (0.6, 0.7, 0.8, 0.9),
    discounts: Sequence[float] = (0.10, 0.12, 0.14, 0.16),
    *,
    growth: float = 0.0,
    periods: int | None = None,
    immediate: bool = False,
) -> "pd.DataFrame":
    """Tabulate the margin multiple, a row for each retention rate and a column for each discount rate.

    Parameters
    ----------
    retentions : sequence of float
        Retention rates per period, each 0 to 1.
    discounts : sequence of float
        Discount rates per period, each at least 0.
    growth : float, default 0
        Growth of the margin from one period to the next.
    periods : int, optional
        Number of margins that count; None counts them all.
    immediate : bool, default False
        Whether the first margin comes now and not one period from now.

    Returns
    -------
    pandas.DataFrame
        The multiples; index ``retention``, columns ``discount``. Where the margins grow so fast that their
        present value is infinite, the cell is infinite.

    Raises
    ------
    ParameterError
        If a rate is outside its range or a list is empty.

    References
    ----------
    Gupta, S. and Lehmann, D. R. (2005), Managing Customers as Investments, Wharton School Publishing.

    Examples
    --------
    >>> margin_multiple_table().round(2)
    discount   0.10  0.12  0.14  0.16
    retention
    0.6        1.20  1.15  1.11  1.07
    0.7        1.75  1.67  1.59  1.52
    0.8        2.67  2.50  2.35  2.22
    0.9        4.50  4.09  3.75  3.46
    """
    import numpy as np
    import pandas as pd

    rows = _params.several("retentions", retentions, "rate")
    columns = _params.several("discounts", discounts, "rate")
    r = np.array([[_params.share("retentions", one)] for one in rows])
    i = np.array([_params.number("discounts", one, low=0) for one in columns])
    _, g, n, now = _rates(0.0, growth, periods, immediate)
    endless = (r * (1 + g) >= 1 + i) & (n is None)
    cells = _multiple(np.where(endless, 0.0, r), i, g, n, now)
    return pd.DataFrame(
        np.where(endless, np.inf, cells),
        index=pd.Index(r[:, 0], name="retention"),
        columns=pd.Index(i, name="discount"),
    )


def lifetime_value(
    margin: float,
    *,
    retention: float,
    discount: float,
    growth: float = 0.0,
    periods: int | None = None,
    immediate: bool = False,
) -> LifetimeValue:
    """Value one customer, or an average one, as margin times margin multiple.

    Parameters
    ----------
    margin : float
        Margin a period, after the cost to serve and to retain: subtract those costs here or later, once.
    retention : float
        Probability of staying from one period to the next, 0 to 1.
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
    LifetimeValue
        The value, in the currency of the margin, with its multiple. ``float()`` gives the number.

    Raises
    ------
    ParameterError
        If a rate is outside its range or the value is infinite.

    See Also
    --------
    lifetime_value_table : The same for every row of a table.

    Examples
    --------
    >>> f"{float(lifetime_value(100, retention=0.9, discount=0.12)):.0f}"
    '409'
    >>> lifetime_value(400, retention=0.8, discount=0.12)
    LifetimeValue(1000.00; margin 400 × MarginMultiple(2.5; retention 0.8, discount 0.12,
    first margin one period from now))
    """
    m = _params.number("margin", margin)
    multiple = margin_multiple(
        retention=retention, discount=discount, growth=growth, periods=periods, immediate=immediate
    )
    return LifetimeValue(m * multiple.multiple, m, multiple)


def lifetime_value_table(
    frame: _frames.FrameT,
    *,
    discount: float,
    retention: float | None = None,
    growth: float = 0.0,
    periods: int | None = None,
    immediate: bool = False,
) -> _frames.FrameT:
    """Value every row of a table, customers or segments, as margin times margin multiple.

    Parameters
    ----------
    frame : DataFrame
        A table with the column ``margin``, margin a period; also ``retention``, 0 to 1, unless the argument
        is given. Other columns are kept.
    discount : float
        Discount rate per period, at least 0.
    retention : float, optional
        One probability of staying for all rows, in place of the column.
    growth : float, default 0
        Growth of the margin from one period to the next.
    periods : int, optional
        Number of margins that count; None counts them all.
    immediate : bool, default False
        Whether the first margin comes now and not one period from now.

    Returns
    -------
    DataFrame
        The table with the column ``lifetime_value``, of the same kind. A column of that name is replaced.

    Raises
    ------
    ColumnError
        If ``margin`` or ``retention`` is missing or not a number.
    DataError
        If a margin is infinite, or a retention is not between 0 and 1, or so high that a value is infinite.
    ParameterError
        If a rate is outside its range.

    Notes
    -----
    A null or NaN margin or retention gives a null value. An empty table stays empty.

    Examples
    --------
    >>> import pandas as pd
    >>> clusters = pd.DataFrame({"cluster": ["A", "B"], "margin": [400, 200], "retention": [0.8, 0.9]})
    >>> lifetime_value_table(clusters, discount=0.12).round(2)
      cluster  margin  retention  lifetime_value
    0       A     400        0.8         1000.00
    1       B     200        0.9          818.18
    """
    i, g, n, now = _rates(discount, growth, periods, immediate)
    roles = {"margin": "number"} | ({} if retention is not None else {"retention": "number"})
    rows = _frames.scan(frame, roles, keep=True)
    r: Any = nw.col("retention").cast(nw.Float64)
    _refuse(rows, i, g, n, by_row=retention is None)
    if retention is not None:
        r = margin_multiple(retention=retention, discount=i, growth=g, periods=n, immediate=now).retention
    value = nw.col("margin").cast(nw.Float64) * _multiple(r, i, g, n, now)
    return _frames.give(rows.with_columns(lifetime_value=value), like=frame)


def _refuse(rows: nw.LazyFrame[Any], i: float, g: float, n: int | None, *, by_row: bool) -> None:
    checks = {"have an infinite margin": nw.col("margin").cast(nw.Float64).abs() > _LARGEST}
    r = nw.col("retention")
    if by_row:
        checks["have a retention that is not between 0 and 1"] = (r < 0) | (r > 1)
    if by_row and n is None:
        checks["have retention × (1 + growth) ≥ 1 + discount, an infinite value"] = r * (1 + g) >= 1 + i
    _frames.refuse(rows, checks, table="frame")


def short(x: float) -> str:
    """At most four decimals, without trailing zeros."""
    return f"{x:.4f}".rstrip("0").rstrip(".")
