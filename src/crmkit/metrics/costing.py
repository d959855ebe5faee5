"""Share the cost of activities among customers by what they cause, and show that nothing was lost.

Activity-based costing runs in stages, a table in and a table out, each with the same rule::

    ledger (resources)  →  activities (cost pools)  →  customers
              resource drivers              cost drivers

:func:`crmkit.metrics.activity_costs` is the first stage, :func:`allocate_costs` the second, on the tables
`activities` and `drivers`; :func:`assign_costs` is the rule itself, for any stage. A pool that no driver
claims stays as a row of its own, marked unassigned, so the rows always add up to the ledger;
:func:`reconcile` says so in figures.
"""

from typing import Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError
from crmkit.metrics import _stage
from crmkit.stats import allocation

_ALLOCATED = (
    *("activity", "customer_id", "cost", "quantity"),
    *("rate", "cost_driver_rate", "units", "unassigned"),
)


def allocate_costs(
    activities: FrameT,
    drivers: FrameT,
    *,
    by: str | list[str] | None = None,
    customers: FrameT | None = None,
    digits: int = 2,
) -> FrameT:
    """Share the cost of each activity among customers in proportion to their driver quantities.

    Parameters
    ----------
    activities : DataFrame
        One row an activity (and value of `by`): `activity`, `cost` in money, negative for a correction, and
        perhaps `category`, `driver_kind` ("transaction", "duration" or "intensity"; null is "transaction")
        and the flag `unassigned` of an earlier stage, whose rows may lack the activity.
    drivers : DataFrame
        `customer_id`, `activity`, `quantity` ≥ 0 in units of the driver; several rows add up. The same kind
        of frame as `activities`.
    by : str or list of str, optional
        Columns to keep apart. One of both tables, such as a period, splits activities and drivers alike; one
        of `activities` only, such as a cost category, splits the cost, and every part is shared by the same
        drivers; one of `drivers` only, such as a channel, splits what a customer receives.
    customers : DataFrame, optional
        Known customers, `customer_id`: drivers of any other are refused.
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9.

    Returns
    -------
    DataFrame
        One row a customer and activity, of the kind of `activities`: `customer_id`, `activity`, the columns
        of `by`, `category` if given, `quantity`, `cost_driver_rate` (money a unit of the driver), `cost`
        (money) and `unassigned`. An activity without any driver quantity is one row with a null
        `customer_id` and `unassigned` true. Sorted by activity and customer.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type, or the two tables' keys have different types.
    DataError
        If a key, cost or quantity is null, a quantity is negative or infinite, an activity appears twice, a
        cost has more than `digits` decimals, drivers name an activity or a customer that the other table
        does not have, a driver kind is none of the three, or an intensity is split by a column of
        `activities` only or has more than `digits` decimals.
    ParameterError
        If `by` or `digits` is not valid, or the tables are of different kinds.

    Notes
    -----
    The costs of an activity add up to its pool to the minor unit, by largest remainder: what rounding down
    leaves goes, a unit each, to the largest fractional parts, equal ones in the order of `customer_id`. A row
    of quantity zero costs 0; where all quantities of an activity are zero the unassigned row takes their
    place. Tables without rows give a table without rows.

    Transaction drivers count how often, duration drivers how long: both share the pool in proportion. The
    quantities of an intensity driver are money charged directly, at a rate of 1; what they leave of the pool,
    negative where they exceed it, is its unassigned row.

    The customers in `drivers` bear the whole of a pool that any of them claims. Where the cost pays for more
    units than these, :func:`crmkit.metrics.time_driven_costs` charges the rate of the whole capacity, which
    need not be minutes, and shows what is left.

    References
    ----------
    Cooper, R. and Kaplan, R. S. (1991), "Profit Priorities from Activity-Based Costing", *Harvard Business
    Review* 69(3); Kaplan, R. S. and Cooper, R. (1998), *Cost & Effect*, on the three kinds of driver.

    Examples
    --------
    Analysing claims costs 121 000; one group of customers causes 80 % of them.

    >>> import pandas as pd
    >>> activities = pd.DataFrame({"activity": ["analyse claims", "repair"], "cost": [121_000.0, 500.0]})
    >>> drivers = pd.DataFrame(
    ...     {"customer_id": ["group A", "others"], "activity": ["analyse claims"] * 2, "quantity": [80, 20]}
    ... )
    >>> allocate_costs(activities, drivers)[["customer_id", "activity", "cost", "unassigned"]]
      customer_id        activity     cost  unassigned
    0     group A  analyse claims  96800.0       False
    1      others  analyse claims  24200.0       False
    2         NaN          repair    500.0        True
    """
    columns = _stage.breakdown(by, (*_ALLOCATED, "driver_kind"))
    places = allocation.minor_digits(digits)
    _joins.same_engine(activities, drivers, names=("activities", "drivers"))
    pools, rows = _frames.lazy(activities, table="activities"), _frames.lazy(drivers, table="drivers")
    both, split, caused = _stage.sides(columns, pools, rows, table="activities")
    stage = _stage.Stage(["activity", *both], ["customer_id", *caused], "cost", "quantity", places, split)
    optional = [name for name in ("category", "driver_kind", "unassigned") if name not in columns]
    roles = {**dict.fromkeys(stage.keys, "key"), "category": "key", "driver_kind": "label"}
    pools = _frames.scan(
        activities, {**roles, "unassigned": "flag", "cost": "number"}, table="activities", optional=optional
    )
    keys = dict.fromkeys((*stage.target, *stage.pool), "key")
    rows = _frames.scan(drivers, {**keys, "quantity": "number"}, table="drivers")
    if customers is not None:
        _refuse_strangers(customers, activities, rows)
    shares = _allocated(pools, rows, stage).rename({"rate": "cost_driver_rate"})
    return _frames.give(shares, like=activities, sort=[*stage.keys, *stage.target])


def _refuse_strangers(customers: object, activities: object, drivers: nw.LazyFrame[Any]) -> None:
    """Raise a DataError that counts the drivers of customers whom the table of customers does not have."""
    _joins.same_engine(activities, customers, names=("activities", "customers"))
    known = _frames.scan(customers, {"customer_id": "key"}, table="customers")
    known, drivers = _joins.matched(known, drivers, ["customer_id"], names=("customers", "drivers"))
    _stage.refuse_unknown(known, drivers, ["customer_id"], names=("customers", "drivers"))


def _allocated(
    pools: nw.LazyFrame[Any], drivers: nw.LazyFrame[Any], stage: _stage.Stage
) -> nw.LazyFrame[Any]:
    """Check the tables, share the pools out and charge intensities directly."""
    names, present = ("activities", "drivers"), pools.collect_schema().names()
    passed = None
    if "unassigned" in present:
        passed = nw.col("activity").is_null() & nw.col("unassigned").fill_null(False)
    pools, drivers = _stage.checked(pools, drivers, stage, names=names, passed=passed)
    if "unassigned" in present:
        pools = pools.drop("unassigned")
    if "driver_kind" not in present:
        return _stage.shared(pools, drivers, stage)
    kind = nw.col("driver_kind")
    pools = pools.with_columns(driver_kind=nw.when(~kind.is_null()).then(kind.cast(nw.String)))
    _stage.refuse_kinds(pools, drivers, stage)
    direct = (nw.col("driver_kind") == "intensity").fill_null(False)
    charged = _stage.charged(pools.filter(direct).drop("driver_kind"), drivers, stage)
    return nw.concat([_stage.shared(pools.filter(~direct).drop("driver_kind"), drivers, stage), charged])


def assign_costs(
    pools: FrameT,
    drivers: FrameT,
    *,
    pool: str | list[str],
    target: str | list[str],
    amount: str = "cost",
    weight: str = "quantity",
    digits: int = 2,
) -> FrameT:
    """Share the amounts of any pools among any targets: one stage of activity-based costing.

    Parameters
    ----------
    pools : DataFrame
        One row a pool: its key columns, the amount, and any other columns, which are carried along.
    drivers : DataFrame
        The pool's key columns, the target's, and a weight ≥ 0; several rows add up. The same kind of frame
        as `pools`.
    pool, target : str or list of str
        Key columns of a pool, in both tables, and of what receives its amount.
    amount : str, default "cost"
        Column of `pools` with the money, negative for a correction.
    weight : str, default "quantity"
        Column of `drivers` with the quantity that the shares are proportional to.
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9.

    Returns
    -------
    DataFrame
        One row a pool and target, of the kind of `pools`: the columns of `target`, `pool`, the carried ones,
        the weight, `rate` (money a unit of weight), the amount, and `unassigned`, true for the row with a
        null target that holds a pool without any weight. Sorted by pool and target.

    Raises
    ------
    ColumnError
        If a column is missing, of the wrong type, or would stand twice in the result.
    DataError
        As in `allocate_costs`.
    ParameterError
        If a name or `digits` is not valid, or the tables are of different kinds.

    Notes
    -----
    The amounts of a pool add up to it to the minor unit. A stage's result, added up by target, is the next
    stage's table of pools.

    References
    ----------
    Cooper, R. and Kaplan, R. S. (1991), "Profit Priorities from Activity-Based Costing", *Harvard Business
    Review* 69(3).

    Examples
    --------
    >>> import pandas as pd
    >>> ledger = pd.DataFrame({"resource": ["salaries"], "cost": [100.0]})
    >>> hours = pd.DataFrame({"resource": "salaries", "activity": ["sell", "bill"], "quantity": [30, 10]})
    >>> assign_costs(ledger, hours, pool="resource", target="activity")[["activity", "cost"]]
      activity  cost
    0     bill  25.0
    1     sell  75.0
    """
    stage = _stage.Stage(
        _params.names("pool", pool),
        _params.names("target", target),
        _params.column("amount", amount),
        _params.column("weight", weight),
        allocation.minor_digits(digits),
    )
    new = (stage.amount, stage.weight, "rate", "units", "unassigned")
    for name, listed in (("pool", stage.pool), ("target", stage.target)):
        if not _stage.free(name, listed, (*new, *stage.pool) if name == "target" else new):
            _params.fail(name, "at least one column name", pool if name == "pool" else target)
    _joins.same_engine(pools, drivers, names=("pools", "drivers"))
    columns = _frames.lazy(pools).collect_schema().names()
    double = sorted(set(columns) & {*stage.target, *new[1:], *_stage.WORKING})
    if double:
        found = ", ".join(map(repr, double))
        msg = f"`pools` must not have the column {found}, which the result adds: rename it."
        raise ColumnError(msg)
    roles = {**dict.fromkeys(columns, "key"), **dict.fromkeys(stage.pool, "key"), amount: "number"}
    keys = dict.fromkeys((*stage.target, *stage.pool), "key")
    rows = _frames.scan(drivers, {**keys, weight: "number"})
    shares = _stage.share_out(_frames.scan(pools, roles), rows, stage, names=("pools", "drivers"))
    return _frames.give(shares, like=pools, sort=[*stage.pool, *stage.target])


def cost_to_serve(costs: FrameT, *, by: str | list[str] | None = None, digits: int = 2) -> FrameT:
    """Add up the allocated costs of each customer.

    Parameters
    ----------
    costs : DataFrame
        Allocated costs, as `allocate_costs` gives them: `customer_id`, `cost` and the columns of `by`.
    by : str or list of str, optional
        Columns to break the cost down by, such as "category" or "activity".
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9.

    Returns
    -------
    DataFrame
        One row a customer (and value of `by`), of the kind of `costs`: `customer_id`, the columns of `by`
        and `cost` in money, exact to the minor unit. The unassigned cost is the row with a null
        `customer_id`. Sorted by customer.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If a cost is null or has more than `digits` decimals.
    ParameterError
        If `by` or `digits` is not valid.

    Notes
    -----
    A table without rows gives a table without rows.

    References
    ----------
    Shapiro, B. P., Rangan, V. K., Moriarty, R. T. and Ross, E. B. (1987), "Manage Customers for Profits (Not
    Just Sales)", *Harvard Business Review* 65(5), on pre-sale, production, distribution and post-sale cost.

    Examples
    --------
    >>> import pandas as pd
    >>> costs = pd.DataFrame({"customer_id": ["a", "a", "b"], "cost": [0.1, 0.2, 5.0]})
    >>> cost_to_serve(costs)
      customer_id  cost
    0           a   0.3
    1           b   5.0
    """
    keys = ["customer_id", *_stage.breakdown(by, ("customer_id", "cost"))]
    places = allocation.minor_digits(digits)
    rows = _frames.scan(costs, {**dict.fromkeys(keys, "key"), "cost": "number"}, table="costs")
    _frames.refuse(rows, allocation.money_checks("cost", places), table="costs")
    rows = rows.with_columns(cost=allocation.to_units(nw.col("cost"), places))
    summed = rows.group_by(keys).agg(nw.col("cost").sum())
    money = allocation.to_money(nw.col("cost"), places)
    return _frames.give(summed.with_columns(cost=money), like=costs, sort=keys)


def reconcile(
    costs: FrameT, activities: FrameT, *, by: str | list[str] | None = None, digits: int = 2
) -> FrameT:
    """Compare allocated costs with the ledger that they came from.

    Parameters
    ----------
    costs : DataFrame
        Allocated costs, as `allocate_costs` gives them: `cost`, `unassigned` and the columns of `by`.
    activities : DataFrame
        The cost pools: `cost` and the columns of `by`. The same kind of frame as `costs`.
    by : str or list of str, optional
        Columns of both tables to compare by, such as "activity" or "category".
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9.

    Returns
    -------
    DataFrame
        One row (or one a value of `by`), of the kind of `costs`: the columns of `by`, `allocated`,
        `unassigned`, `ledger` and `difference` = allocated + unassigned − ledger, all in money.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type, or the two tables' keys have different types.
    DataError
        If a cost is null or has more than `digits` decimals.
    ParameterError
        If `by` or `digits` is not valid, or the tables are of different kinds.

    Notes
    -----
    Sums are taken in whole minor units, so a difference is exactly 0 when nothing was lost. Tables without
    rows give one row of zeros, or no row where `by` is given.

    References
    ----------
    The rule of two-stage costing: allocated and unassigned cost together are the ledger's total.

    Examples
    --------
    >>> import pandas as pd
    >>> activities = pd.DataFrame({"activity": ["deliver", "repair"], "cost": [100.0, 0.05]})
    >>> drivers = pd.DataFrame({"customer_id": list("abc"), "activity": "deliver", "quantity": [1, 1, 1]})
    >>> reconcile(allocate_costs(activities, drivers), activities)
       allocated  unassigned  ledger  difference
    0      100.0        0.05  100.05         0.0
    """
    keys = _stage.breakdown(by, ("cost", "unassigned", "allocated", "ledger", "difference"))
    places = allocation.minor_digits(digits)
    _joins.same_engine(costs, activities, names=("costs", "activities"))
    roles = dict.fromkeys(keys, "key")
    given = _frames.scan(costs, {**roles, "cost": "number", "unassigned": "flag"}, table="costs")
    booked = _frames.scan(activities, {**roles, "cost": "number"}, table="activities")
    given, booked = _joins.matched(given, booked, keys, names=("costs", "activities"))
    checks = allocation.money_checks("cost", places)
    unflagged = {"with no unassigned flag": nw.col("unassigned").is_null()}
    _frames.refuse(given, {**checks, **unflagged}, table="costs")
    _frames.refuse(booked, checks, table="activities")
    units, zero = allocation.to_units(nw.col("cost"), places), nw.lit(0, nw.Int64)
    lost = nw.when(nw.col("unassigned"))
    # both tables as rows of one, because a null category must meet its like, which a join forbids
    left = given.with_columns(_units=units).select(
        *keys,
        allocated=lost.then(zero).otherwise(nw.col("_units")),
        unassigned=lost.then(nw.col("_units")).otherwise(zero),
        ledger=zero,
    )
    right = booked.select(*keys, allocated=zero, unassigned=zero, ledger=units)
    sums = [nw.col(name).sum() for name in ("allocated", "unassigned", "ledger")]
    both = nw.concat([left, right])
    table = both.group_by(keys).agg(*sums) if keys else both.select(*sums)
    return _frames.give(_as_money(table, keys, places), like=costs, sort=keys)


def _as_money(table: nw.LazyFrame[Any], keys: list[str], digits: int) -> nw.LazyFrame[Any]:
    whole = table.select(
        *keys,
        *(nw.col(name).fill_null(0).cast(nw.Int64) for name in ("allocated", "unassigned", "ledger")),
    )
    difference = nw.col("allocated") + nw.col("unassigned") - nw.col("ledger")
    amounts = ("allocated", "unassigned", "ledger", "difference")
    return whole.with_columns(difference=difference).with_columns(
        *(allocation.to_money(nw.col(name), digits) for name in amounts)
    )
