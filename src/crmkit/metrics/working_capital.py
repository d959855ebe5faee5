"""Charge customers for the money that they tie up: open invoices and stock held for them.

The cost of capital of a balance is simple interest: balance × annual rate × time. What is sold in a period of
D days with c days of credit keeps an average of sales × c / D open, so it costs sales × c × rate / 365,
however long the period is.
"""

from typing import Any

import narwhals as nw

from crmkit import _frames, _params, periods
from crmkit._frames import FrameT
from crmkit.errors import ColumnError
from crmkit.stats import allocation

_SIDES = {"credit": ("revenue", "credit_days"), "inventory": ("goods_cost", "inventory_days")}
_MOST_DAYS = 36_525


def working_capital_costs(
    customers: FrameT, *, annual_rate: float, days_in_year: int = 365, digits: int = 2
) -> FrameT:
    """Charge customers for credit days and for inventory days at a cost of capital.

    Parameters
    ----------
    customers : DataFrame
        One row a customer, or several that add up: `customer_id`, and `revenue` (money) with `credit_days`
        (average days from invoice to payment), `goods_cost` (cost of the goods sold, in money) with
        `inventory_days` (average days that they are held for the customer), or both pairs.
    annual_rate : float
        Cost of capital a year as a share, from 0 to 10.
    days_in_year : int, default 365
        Days that the rate is for, 360 to 366.
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9, to which each row's cost is rounded.

    Returns
    -------
    DataFrame
        One row a customer and kind of balance, of the kind of `customers`: `customer_id`, `activity`
        ("credit" or "inventory"), `category` ("working capital"), `cost` in money and `unassigned` (false).
        Sorted by customer and activity. It can stand under the table of `allocate_costs`.

    Raises
    ------
    ColumnError
        If `customer_id` or both pairs of columns are missing, half a pair is given, or a type is wrong.
    DataError
        If a customer or number is null, days are outside 0 to 36 525, or an amount is above 1e15 minor units.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    A negative amount, such as a return, gives its cost back. Without rows the result has none.

    References
    ----------
    Kaplan, R. S. and Cooper, R. (1998), *Cost & Effect*, charge customers for the capital in receivables and
    inventory.

    Examples
    --------
    100 000 sold at 73 days of credit keep 20 000 open, which at 10 % a year cost 2 000:

    >>> import pandas as pd
    >>> balances = pd.DataFrame({"customer_id": ["a"], "revenue": [100_000], "credit_days": [73]})
    >>> working_capital_costs(balances, annual_rate=0.10)[["customer_id", "activity", "cost"]]
      customer_id activity    cost
    0           a   credit  2000.0
    """
    yearly, places = _rate(annual_rate), allocation.minor_digits(digits)
    year = _params.integer("days_in_year", days_in_year, low=360, high=366)
    names = _frames.lazy(customers, table="customers").collect_schema().names()
    given = {side: pair for side, pair in _SIDES.items() if set(pair) & set(names)}
    if not given:
        pairs = " or ".join(f"'{amount}' with '{days}'" for amount, days in _SIDES.values())
        msg = f"`customers` must have the columns {pairs}. Present: {', '.join(names)}."
        raise ColumnError(msg)
    numbers = [name for pair in given.values() for name in pair]
    # not the table `customers`, whose contract has no balances
    rows = _frames.scan(customers, {"customer_id": "key", **dict.fromkeys(numbers, "number")})
    checks = {f"with no {name}": nw.col(name).is_null() for name in ("customer_id", *numbers)}
    for amount, days in given.values():
        checks |= allocation.size_check(amount, places)
        checks[f"with {days} outside 0 to {_MOST_DAYS}"] = (nw.col(days) < 0) | (nw.col(days) > _MOST_DAYS)
    _frames.refuse(rows, checks, table="customers")
    parts = [
        rows.select(
            "customer_id",
            nw.lit(side).alias("activity"),
            _units=_interest(nw.col(amount), nw.col(days), yearly / year, places),
        )
        for side, (amount, days) in given.items()
    ]
    return _frames.give(_costs(nw.concat(parts), places), like=customers, sort=["customer_id", "activity"])


def credit_costs(
    invoices: FrameT, *, as_of: str, annual_rate: float, days_in_year: int = 365, digits: int = 2
) -> FrameT:
    """Charge customers for the days that their invoices stayed unpaid.

    Parameters
    ----------
    invoices : DataFrame
        One row an invoice: `customer_id`, `invoiced_at`, `amount` in money, `paid_at` (null while open).
    as_of : str or date
        Last day that counts, a whole day: an invoice open then is charged up to it.
    annual_rate : float
        Cost of capital a year as a share, from 0 to 10.
    days_in_year : int, default 365
        Days that the rate is for, 360 to 366.
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9, to which each invoice's cost is rounded.

    Returns
    -------
    DataFrame
        One row a customer, of the kind of `invoices`: `customer_id`, `activity` ("credit"), `category`
        ("working capital"), `cost` in money and `unassigned` (false). Sorted by customer.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a customer, date of invoice or amount is null, an amount is above 1e15 minor units, or an invoice
        is dated after `as_of` or paid before its date.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    Days are whole: from the day of the invoice to the day of the payment, at most to `as_of`. A payment
    after `as_of` is not known then. Without rows the result has none.

    References
    ----------
    Kaplan, R. S. and Cooper, R. (1998), *Cost & Effect*, charge customers for the capital in receivables and
    inventory.

    Examples
    --------
    >>> import pandas as pd
    >>> invoices = pd.DataFrame({
    ...     "customer_id": ["a", "a"],
    ...     "invoiced_at": pd.to_datetime(["2024-01-01", "2024-03-01"]),
    ...     "amount": [36_500.0, 1_000.0],
    ...     "paid_at": pd.to_datetime(["2024-01-31", None]),
    ... })
    >>> credit_costs(invoices, as_of="2024-03-11", annual_rate=0.10)[["customer_id", "cost"]]
      customer_id    cost
    0           a  302.74
    """
    yearly, places = _rate(annual_rate), allocation.minor_digits(digits)
    year = _params.integer("days_in_year", days_in_year, low=360, high=366)
    end = _params.day("as_of", as_of)
    roles = {"customer_id": "key", "invoiced_at": "date", "amount": "number", "paid_at": "date"}
    rows = _frames.scan(invoices, roles, table="invoices")
    begin, paid = periods.day_number(nw.col("invoiced_at")), periods.day_number(nw.col("paid_at"))
    rows = rows.with_columns(_begin=begin, _paid=paid, _end=periods.day_number(_frames.moment(end, rows)))
    checks = {f"with no {name}": nw.col(name).is_null() for name in ("customer_id", "invoiced_at", "amount")}
    late = {
        f"dated after as_of ({end:%Y-%m-%d})": nw.col("_begin") > nw.col("_end"),
        "paid before the invoice": nw.col("_paid") < nw.col("_begin"),
    }
    _frames.refuse(rows, {**checks, **allocation.size_check("amount", places), **late}, table="invoices")
    known = nw.when(nw.col("_paid") < nw.col("_end")).then(nw.col("_paid")).otherwise(nw.col("_end"))
    costs = rows.with_columns(_days=known - nw.col("_begin")).select(
        "customer_id",
        nw.lit("credit").alias("activity"),
        _units=_interest(nw.col("amount"), nw.col("_days"), yearly / year, places),
    )
    return _frames.give(_costs(costs, places), like=invoices, sort=["customer_id"])


def _rate(annual_rate: float) -> float:
    return _params.number("annual_rate", annual_rate, low=0, high=10)


def _interest(amount: nw.Expr, days: nw.Expr, daily: float, digits: int) -> nw.Expr:
    """Compute simple interest in whole minor units."""
    # a float of a product such as 1.005 × 100 falls below its half: 1e-9 of a unit lifts it
    interest = amount.cast(nw.Float64) * days.cast(nw.Float64) * daily * 10.0**digits
    return (interest + (0.5 + 1e-9)).floor().cast(nw.Int64)


def _costs(rows: nw.LazyFrame[Any], digits: int) -> nw.LazyFrame[Any]:
    sums = rows.group_by("customer_id", "activity").agg(nw.col("_units").sum())
    return sums.select(
        "customer_id",
        "activity",
        nw.lit("working capital").alias("category"),
        cost=allocation.to_money(nw.col("_units"), digits),
        unassigned=nw.lit(False),
    )
