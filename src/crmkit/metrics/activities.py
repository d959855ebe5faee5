"""Say what the ledger's money was spent doing, and count what caused it: the first stage of costing.

:func:`activity_costs` turns a ledger into the cost pools of activities by resource drivers;
:func:`cost_drivers` turns events (orders, cases, contacts) into the quantities of a cost driver.
"""

from typing import Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.metrics import _stage
from crmkit.stats import allocation

_POOLED = ("activity", "cost", "quantity", "rate", "units", "unassigned")


def activity_costs(
    ledger: FrameT, drivers: FrameT, *, by: str | list[str] | None = None, digits: int = 2
) -> FrameT:
    """Share the cost of resources among activities: the first stage of activity-based costing.

    Parameters
    ----------
    ledger : DataFrame
        Costs as booked: `resource`, `cost` in money, negative for a correction, and perhaps the columns of
        `by`; rows of one resource add up.
    drivers : DataFrame
        Resource drivers: `resource`, `activity`, `quantity` ≥ 0, such as hours or square metres; several rows
        add up. The same kind of frame as `ledger`.
    by : str or list of str, optional
        Columns to carry along, such as a cost category or a period: of both tables, of the ledger only
        (every part is shared by the same drivers) or of the drivers only (properties of the activity);
        "resource" keeps the resources apart.
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9.

    Returns
    -------
    DataFrame
        One row an activity (and value of `by`), of the kind of `ledger`: `activity`, the columns of `by`,
        `cost` in money and `unassigned`, true where no driver claims the cost: there the activity is null, as
        is what the drivers alone tell. Sorted by activity. It is what `allocate_costs` takes.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type, or the two tables' keys have different types.
    DataError
        If a key, cost or quantity is null, a quantity is negative or infinite, a cost has more than `digits`
        decimals, or drivers name a resource that the ledger does not have.
    ParameterError
        If `by` or `digits` is not valid, or the tables are of different kinds.

    Notes
    -----
    Each resource adds up to the minor unit, by largest remainder, so the activities and the unassigned row
    together are the ledger. Tables without rows give a table without rows.

    References
    ----------
    Cooper, R. and Kaplan, R. S. (1991), "Profit Priorities from Activity-Based Costing", *Harvard Business
    Review* 69(3).

    Examples
    --------
    A claims department: the ledger reports what was spent, the activities what it was spent doing.

    >>> import pandas as pd
    >>> ledger = pd.DataFrame({"resource": ["salaries", "office", "fees"], "cost": [200_000, 42_000, 900]})
    >>> hours = pd.DataFrame({
    ...     "resource": ["salaries", "salaries", "office", "office"],
    ...     "activity": ["analyse claims", "pay claims"] * 2,
    ...     "quantity": [50, 50, 21, 21],
    ... })
    >>> activity_costs(ledger, hours)
             activity      cost  unassigned
    0  analyse claims  121000.0       False
    1      pay claims  121000.0       False
    2             NaN     900.0        True
    """
    columns = _stage.breakdown(by, _POOLED)
    places = allocation.minor_digits(digits)
    _joins.same_engine(ledger, drivers, names=("ledger", "drivers"))
    split_by = [name for name in columns if name != "resource"]
    booked, used = _frames.lazy(ledger, table="ledger"), _frames.lazy(drivers, table="drivers")
    both, split, told = _stage.sides(split_by, booked, used, table="ledger")
    stage = _stage.Stage(["resource", *both], ["activity", *told], "cost", "quantity", places, split)
    pools = _frames.scan(ledger, {**dict.fromkeys(stage.keys, "key"), "cost": "number"}, table="ledger")
    checks = {f"with no {name}": nw.col(name).is_null() for name in stage.keys}
    _frames.refuse(pools, {**checks, **allocation.money_checks("cost", places)}, table="ledger")
    keys = dict.fromkeys((*stage.pool, *stage.target), "key")
    # not the table `drivers`, whose contract is of customers
    rows = _frames.scan(drivers, {**keys, "quantity": "number"})
    shares = _stage.share_out(_summed(pools, stage.keys, places), rows, stage, names=("ledger", "drivers"))
    kept = ["activity", *columns, "unassigned"]
    pooled = _summed(shares, kept, places).select("activity", *columns, "cost", "unassigned")
    return _frames.give(pooled, like=ledger, sort=["activity", *columns])


def _summed(rows: nw.LazyFrame[Any], keys: list[str], digits: int) -> nw.LazyFrame[Any]:
    """Add up costs in whole minor units."""
    units = rows.with_columns(_units=allocation.to_units(nw.col("cost"), digits))
    sums = units.group_by(keys).agg(nw.col("_units").sum())
    return sums.with_columns(cost=allocation.to_money(nw.col("_units"), digits)).drop("_units")


def cost_drivers(
    events: FrameT, *, activity: str, kind: str = "transaction", quantity: str | None = None, digits: int = 2
) -> FrameT:
    """Count what each customer caused of one activity: a part of the table of drivers.

    Parameters
    ----------
    events : DataFrame
        One row an event that the activity answers, such as an order, a case or a visit: `customer_id` and
        the column that `quantity` names.
    activity : str
        Name of the activity.
    kind : {"transaction", "duration", "intensity"}, default "transaction"
        What is counted: how often (rows, or the numbers in `quantity`), how long (the times in `quantity`),
        or the money to be charged directly (the amounts in `quantity`).
    quantity : str, optional
        Column with the numbers ≥ 0; required unless rows are counted.
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9, for money.

    Returns
    -------
    DataFrame
        One row a customer, of the kind of `events`: `customer_id`, `activity`, `quantity`. Sorted by
        customer. Tables of several activities, put one under another, are what `allocate_costs` takes.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a customer or quantity is null, a quantity is negative or infinite, or money has more than `digits`
        decimals.
    ParameterError
        If an argument is not valid, or `quantity` is missing for a kind that needs it.

    Notes
    -----
    A transaction driver takes every event to cost the same, a duration driver to cost by its time; an
    intensity driver is for the few whose own cost is booked. Without rows the result has none.

    References
    ----------
    Kaplan, R. S. and Cooper, R. (1998), *Cost & Effect*, on transaction, duration and intensity drivers.

    Examples
    --------
    >>> import pandas as pd
    >>> cases = pd.DataFrame({"customer_id": ["a", "b", "a"], "handling_minutes": [5, 30, 7]})
    >>> cost_drivers(cases, activity="service", kind="duration", quantity="handling_minutes")
      customer_id activity  quantity
    0           a  service      12.0
    1           b  service      30.0
    """
    _params.choice("kind", kind, _stage.KINDS)
    places = allocation.minor_digits(digits)
    if not isinstance(activity, str) or not activity:
        _params.fail("activity", "the name of an activity", activity)
    roles = {"customer_id": "key"}
    if quantity is not None:
        roles[_params.column("quantity", quantity)] = "number"
    elif kind != "transaction":
        _params.fail("quantity", f"the name of a column for the kind {kind}", quantity)
    rows = _frames.scan(events, roles)
    number = nw.lit(1) if quantity is None else nw.col(quantity)
    rows = rows.select("customer_id", quantity=number.cast(nw.Float64))
    stage = _stage.Stage([], ["customer_id"], "cost", "quantity", places)
    checks = _stage.weight_checks(stage)
    if kind == "intensity":
        checks |= allocation.money_checks("quantity", places)
    _frames.refuse(rows, checks, table="events")
    if kind == "intensity":
        rows = rows.with_columns(quantity=allocation.to_units(nw.col("quantity"), places))
    sums = rows.group_by("customer_id").agg(nw.col("quantity").sum())
    if kind == "intensity":
        sums = sums.with_columns(quantity=allocation.to_money(nw.col("quantity"), places))
    sums = sums.select("customer_id", nw.lit(activity).alias("activity"), "quantity")
    return _frames.give(sums, like=events, sort=["customer_id"])
