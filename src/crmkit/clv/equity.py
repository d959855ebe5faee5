"""Turn predicted purchases into money: the value of each customer, of segments and of the base.

Costs are counted once each: serving a purchase where it is made, keeping a customer as one present value,
winning one only for customers who are new. What the others once cost to win is spent, whatever they are
worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.clv._valuer import Valuer
from crmkit.clv.btyd import _cells
from crmkit.stats.intervals import normal_quantile

if TYPE_CHECKING:
    import pandas as pd

    from crmkit.clv.btyd.customer_base import CustomerBaseModel
    from crmkit.clv.spend import GammaGamma


_SUMS = {
    "customers",
    "lifetime_margin",
    "retention_cost",
    "acquisition_cost",
    "customer_equity",
    "customer_equity_lower",
    "customer_equity_upper",
}


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Hold what a valuation takes as given.

    Parameters
    ----------
    annual_rate : float
        Discount rate a year, above 0.
    margin : float, default 1
        Share of the spend that is left after the cost of sales.
    cost_to_serve : float, default 0
        Money that each purchase costs to serve, at least 0.
    retention_cost : float, default 0
        Present value of what is spent to keep one customer, at least 0.
    acquisition_cost : float, default 0
        Money that a new customer costs to win, at least 0.
    horizon : float, optional
        Time ahead that counts, in the model's unit; None counts all time to come.

    Examples
    --------
    >>> Assumptions(annual_rate=0.15, margin=0.3).to_dict()["cost_to_serve"]
    0.0
    """

    annual_rate: float
    margin: float = 1.0
    cost_to_serve: float = 0.0
    retention_cost: float = 0.0
    acquisition_cost: float = 0.0
    horizon: float | None = None

    def __post_init__(self) -> None:
        _params.number("annual_rate", self.annual_rate, low=0, open_low=True)
        _params.number("margin", self.margin)
        for name in ("cost_to_serve", "retention_cost", "acquisition_cost"):
            _params.number(name, getattr(self, name), low=0)
        if self.horizon is not None:
            _params.number("horizon", self.horizon, low=0)

    def to_dict(self) -> dict[str, float | None]:
        """Return the fields as a plain dictionary, ready for JSON.

        Returns
        -------
        dict
            One item a field.

        Examples
        --------
        >>> Assumptions(annual_rate=0.1).to_dict()["margin"]
        1.0
        """
        return asdict(self)


def customer_value(
    frame: FrameT,
    *,
    model: "CustomerBaseModel",
    spend: "GammaGamma",
    assumptions: Assumptions,
    confidence: float | None = None,
) -> FrameT:
    """Value each customer: discounted purchases to come, times what a purchase leaves.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, with the columns that both models were fitted on, of any engine.
    model : fitted model of the customer base
        Says how often customers buy.
    spend : GammaGamma
        Says what they spend in a purchase.
    assumptions : Assumptions
        Discount rate, margin and costs.
    confidence : float, optional
        Nominal coverage of an interval for the expected value, at least 0.5 and below 1; None gives none.

    Returns
    -------
    DataFrame
        The frame, of the same kind, with ``discounted_purchases``, ``expected_spend``, ``customer_value``
        and, with a confidence, ``customer_value_lower`` and ``customer_value_upper``, in units of money.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If rows contradict themselves, or the unit of time is another one or unknown.
    ParameterError
        If the confidence is outside its range.

    Notes
    -----
    value = discounted purchases × (margin × spend − cost to serve) − retention cost. The interval is by the
    delta method; purchases and spend are fitted apart and independent in the models.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). RFM and CLV: using iso-value curves for customer
    base analysis. Journal of Marketing Research 42(4), 415-430.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> valued = clv.customer_value(
    ...     summary,
    ...     model=clv.ParetoNBD().fit(summary),
    ...     spend=clv.GammaGamma().fit(summary),
    ...     assumptions=clv.Assumptions(annual_rate=0.15, margin=0.3),
    ... )
    >>> valued[["discounted_purchases", "expected_spend", "customer_value"]].head(2).round(2)
       discounted_purchases  expected_spend  customer_value
    0                  6.51           24.65           48.18
    1                  0.49           35.17            5.13
    """
    valuer = Valuer(model, spend, assumptions)
    cells, roles = valuer.cells(frame)
    scores = valuer.scores(cells.rows)
    if confidence is not None:
        half = normal_quantile(confidence) * np.sqrt(valuer.variances(cells.rows))
        value = scores["customer_value"]
        scores |= {"customer_value_lower": value - half, "customer_value_upper": value + half}
    return _cells.give(frame, roles, cells, scores)


def customer_equity(
    frame: FrameT,
    *,
    model: "CustomerBaseModel",
    spend: "GammaGamma",
    assumptions: Assumptions,
    by: str | Sequence[str] | None = None,
    confidence: float = 0.95,
) -> FrameT:
    """Sum the value of customers over segments, or over the whole base, with its interval.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, with the columns that both models were fitted on, of any engine. A column
        ``is_new`` (true or false) says for whom the acquisition cost is still to be paid; without it for
        nobody. A column ``weight`` says how many customers a row stands for.
    model : fitted model of the customer base
        Says how often customers buy.
    spend : GammaGamma
        Says what they spend in a purchase.
    assumptions : Assumptions
        Discount rate, margin and costs.
    by : str or list of str, optional
        Columns that name the segments; None takes all customers together.
    confidence : float, default 0.95
        Nominal coverage of the interval, at least 0.5 and below 1.

    Returns
    -------
    DataFrame
        Of the same kind, one row a segment: the columns of `by`, ``customers``, ``lifetime_margin``,
        ``retention_cost``, ``acquisition_cost``, ``customer_equity`` (the first less the two costs),
        ``customer_equity_lower`` and ``customer_equity_upper``, in units of money.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If rows contradict themselves, or the unit of time is another one or unknown.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    The interval is that of the expected sum. Parameters are shared, so that the errors of customers add up
    instead of averaging out: the sum of customers' own bounds would be no interval.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> equity = clv.customer_equity(
    ...     summary,
    ...     model=clv.ParetoNBD().fit(summary),
    ...     spend=clv.GammaGamma().fit(summary),
    ...     assumptions=clv.Assumptions(annual_rate=0.15, margin=0.3),
    ... )
    >>> equity[["customers", "customer_equity"]].round(-2)
       customers  customer_equity
    0     2400.0          78600.0
    """
    z = normal_quantile(confidence)
    segments = _params.names("by", by)
    if taken := sorted(_SUMS.intersection(segments)):
        _params.fail("by", f"columns with other names than the sums have ({', '.join(taken)})", by)
    valuer = Valuer(model, spend, assumptions)
    cells, _ = valuer.cells(frame, dict.fromkeys(segments, "label") | _is_new(frame), weighted=True)
    labels, place = _labels(cells.rows, segments)
    totals = [cells.weight * one for one in valuer.parts(cells.rows)]
    sums = [np.bincount(place, weights=one, minlength=len(labels)) for one in (cells.weight, *totals)]
    customers, margin, keeping, winning = sums
    half = z * np.sqrt(valuer.variances(cells.rows, cells.weight, place, len(labels)))
    equity = margin - keeping - winning
    local = labels.assign(
        customers=customers,
        lifetime_margin=margin,
        retention_cost=keeping,
        acquisition_cost=winning,
        customer_equity=equity,
        customer_equity_lower=equity - half,
        customer_equity_upper=equity + half,
    )
    table = _joins.attach(local, to=_frames.lazy(frame), typed=segments)
    return _frames.give(table, like=frame, sort=segments)


def _labels(rows: "pd.DataFrame", segments: list[str]) -> "tuple[pd.DataFrame, Any]":
    """Return the distinct segments and the number of each row's; without any there is one."""
    import pandas as pd

    if not segments:
        return pd.DataFrame(index=[0]), np.zeros(len(rows), dtype=np.intp)
    grouped = rows.groupby(segments, dropna=False, sort=True)
    return grouped.size().index.to_frame(index=False), grouped.ngroup().to_numpy()


def equity_what_if(
    frame: object,
    *,
    model: "CustomerBaseModel",
    spend: "GammaGamma",
    assumptions: Assumptions,
    changes: Mapping[str, Mapping[str, float]],
) -> "pd.DataFrame":
    """Show what changes of retention, margin, discount rate or costs do to the equity of the base.

    Parameters
    ----------
    frame : DataFrame
        One row a customer, as `customer_equity` takes it, of any engine.
    model : fitted model of the customer base
        Says how often customers buy.
    spend : GammaGamma
        Says what they spend in a purchase.
    assumptions : Assumptions
        Discount rate, margin and costs as they are.
    changes : mapping of str to mapping
        Scenario → what it sets: any field of `Assumptions`, "dropout" (a factor on how fast customers leave)
        or "purchase_rate" (a factor on how often they buy while they stay).

    Returns
    -------
    pandas.DataFrame
        One row a scenario, the present state first: ``scenario``, ``customer_equity``, ``change`` (in units
        of money) and ``change_share`` (of the size of the present equity, so that a gain is positive).

    Raises
    ------
    ParameterError
        If a scenario sets something else, or out of range.
    DataError
        If rows contradict themselves, or the unit of time is another one or unknown.

    Notes
    -----
    "dropout" and "purchase_rate" act from now on, on the odds or the rate of each customer as the history
    reveals them; they say nothing about how such a change is brought about, or what it costs.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> table = clv.equity_what_if(
    ...     summary,
    ...     model=clv.ParetoNBD().fit(summary),
    ...     spend=clv.GammaGamma().fit(summary),
    ...     assumptions=clv.Assumptions(annual_rate=0.15, margin=0.3),
    ...     changes={"margin 33 %": {"margin": 0.33}},
    ... )
    >>> table["change_share"].round(3).tolist()
    [0.0, 0.1]
    """
    import pandas as pd

    if not isinstance(changes, Mapping) or not all(isinstance(one, Mapping) for one in changes.values()):
        _params.fail("changes", "a mapping of scenarios to mappings of what they set", changes)
    cells, _ = Valuer(model, spend, assumptions).cells(frame, _is_new(frame), weighted=True)
    fields = assumptions.to_dict()
    rows = [("as it is", _total(Valuer(model, spend, assumptions), cells))]
    for scenario, change in changes.items():
        levers = {name: value for name, value in change.items() if name not in fields}
        for name, factor in levers.items():
            _params.choice("changes", name, [*fields, *model._levers])
            _params.number(name, factor, low=0, open_low=True)
        moved = replace(assumptions, **{name: change[name] for name in change if name in fields})
        rows.append((scenario, _total(Valuer(model, spend, moved, levers), cells)))
    table = pd.DataFrame(rows, columns=["scenario", "customer_equity"])
    table["change"] = table["customer_equity"] - rows[0][1]
    table["change_share"] = table["change"] / (abs(rows[0][1]) or np.nan)
    return table


def _is_new(frame: object) -> dict[str, str]:
    return {"is_new": "flag"} if "is_new" in _frames.lazy(frame).collect_schema().names() else {}


def _total(valuer: Valuer, cells: _cells.Cells) -> float:
    margin, keeping, winning = valuer.parts(cells.rows)
    return float(cells.weight @ (margin - keeping - winning))
