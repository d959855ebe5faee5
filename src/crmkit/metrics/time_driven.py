"""Time-driven activity-based costing: charge the minutes that customers use, and show the ones nobody uses.

A resource (a department) costs money and supplies minutes. Its capacity cost rate is the cost of a minute of
practical capacity; a customer is charged for the minutes used, which `event_minutes` estimates, and the cost
of the minutes that remain is a row of its own.
"""

from dataclasses import asdict, dataclass
from typing import Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.metrics import _stage
from crmkit.metrics.time_equations import LONGEST
from crmkit.stats import allocation

_TICKS = 1e6
_RESERVED = (
    *("resource", "customer_id", "cost", "minutes", "capacity_minutes", "capacity_cost_rate"),
    *("category", "unassigned", "units", "rate", "_used", "_practical", "_booked", "_charge"),
)


@dataclass(frozen=True, slots=True)
class CapacityRate:
    """The cost of a minute of practical capacity, with what it was made from.

    `float()` gives the rate, in money a minute.

    Parameters
    ----------
    cost : float
        Cost of the resources supplied, in money.
    theoretical_minutes : float
        Minutes paid for.
    practical_share : float
        Share of them that is available for work.

    Examples
    --------
    >>> CapacityRate(cost=560_000.0, theoretical_minutes=875_000.0, practical_share=0.8)
    CapacityRate(0.8 a minute: 560,000 for 700,000 practical minutes)
    """

    cost: float
    theoretical_minutes: float
    practical_share: float

    @property
    def practical_minutes(self) -> float:
        """Minutes available for work."""
        return self.theoretical_minutes * self.practical_share

    @property
    def rate(self) -> float:
        """Money a minute."""
        return self.cost / self.practical_minutes

    def __float__(self) -> float:
        return self.rate

    def __repr__(self) -> str:
        supply = f"{self.cost:,.10g} for {self.practical_minutes:,.10g} practical minutes"
        return f"CapacityRate({self.rate:.6g} a minute: {supply})"

    def to_dict(self) -> dict[str, float]:
        """Return the figures, given and derived, as a plain dictionary.

        Returns
        -------
        dict
            Each figure by its name.

        Examples
        --------
        >>> CapacityRate(cost=100.0, theoretical_minutes=50.0, practical_share=0.8).to_dict()["rate"]
        2.5
        """
        return {**asdict(self), "practical_minutes": self.practical_minutes, "rate": self.rate}


def capacity_cost_rate(
    cost: float, *, theoretical_minutes: float, practical_share: float = 0.8
) -> CapacityRate:
    """Compute the cost of a minute of practical capacity.

    Parameters
    ----------
    cost : float
        Cost of all resources supplied, in money.
    theoretical_minutes : float
        Minutes paid for, above 0.
    practical_share : float, default 0.8
        Share of them that is available for work, above 0 and at most 1; the authors' rule of thumb is 80 %
        to 85 %. Give 1 where the minutes are practical already.

    Returns
    -------
    CapacityRate
        The rate with its base.

    Raises
    ------
    ParameterError
        If a number is outside its range.

    References
    ----------
    Kaplan, R. S. and Anderson, S. R. (2004), "Time-Driven Activity-Based Costing", *Harvard Business Review*
    82(11): 560 000 for 700 000 minutes of practical capacity.

    Examples
    --------
    >>> float(capacity_cost_rate(560_000, theoretical_minutes=700_000, practical_share=1))
    0.8
    """
    return CapacityRate(
        _params.number("cost", cost),
        _params.number("theoretical_minutes", theoretical_minutes, low=0, open_low=True),
        _params.number("practical_share", practical_share, low=0, high=1, open_low=True),
    )


def time_driven_costs(
    resources: FrameT,
    times: FrameT,
    *,
    practical_share: float = 0.8,
    by: str | list[str] | None = None,
    digits: int = 2,
) -> FrameT:
    """Charge customers for the minutes that they use of each resource, and show the unused capacity.

    Parameters
    ----------
    resources : DataFrame
        One row a resource: `resource`, `cost` in money, `capacity_minutes` (theoretical, at least 1) and
        perhaps `category`.
    times : DataFrame
        `customer_id`, `resource`, `minutes` from 0 to 1e9, as `event_minutes` gives them; several rows add
        up. The same kind of frame as `resources`.
    practical_share : float, default 0.8
        Share of the theoretical capacity that is available for work, above 0 and at most 1.
    by : str or list of str, optional
        Columns to keep apart: of both tables, such as a period, or of `times` only, such as the activity.
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9.

    Returns
    -------
    DataFrame
        One row a customer and resource, of the kind of `resources`: `customer_id`, the columns of `by`,
        `resource`, `category` if given, `minutes`, `capacity_cost_rate` (money a minute), `cost` in money and
        `unassigned`, true for the unused capacity: one row a resource, with a null customer. Sorted by
        resource and customer.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type, or the two tables' keys have different types.
    DataError
        If a key or number is null, a resource appears twice, its capacity is below one minute or its cost has
        more than `digits` decimals, minutes are outside their range, or times name an unknown resource.
    ParameterError
        If an argument is not valid, or the tables are of different kinds.

    Notes
    -----
    The charge is what the minutes cost at the rate, rounded once for each resource and shared out by largest
    remainder, so that customers and unused capacity together are the cost to the minor unit. A resource that
    is used beyond its practical capacity is charged at the same rate: its unused row is negative, and
    `capacity_use` flags it. Minutes count in millionths.

    References
    ----------
    Kaplan, R. S. and Anderson, S. R. (2004), "Time-Driven Activity-Based Costing", *Harvard Business Review*
    82(11): a service department of 560 000 and 700 000 practical minutes.

    Examples
    --------
    49 000 orders of 8 minutes, 1 400 inquiries of 44 and 2 500 credit checks of 50:

    >>> import pandas as pd
    >>> department = pd.DataFrame({"resource": ["service"], "cost": [560_000], "capacity_minutes": [700_000]})
    >>> times = pd.DataFrame({
    ...     "customer_id": "all", "resource": "service", "activity": ["orders", "inquiries", "credit checks"],
    ...     "minutes": [49_000 * 8, 1_400 * 44, 2_500 * 50],
    ... })
    >>> costs = time_driven_costs(department, times, practical_share=1, by="activity")
    >>> costs[["activity", "minutes", "cost", "unassigned"]]
            activity   minutes      cost  unassigned
    0  credit checks  125000.0  100000.0       False
    1      inquiries   61600.0   49280.0       False
    2         orders  392000.0  313600.0       False
    3            NaN  121400.0   97120.0        True
    """
    pools, rows, stage = _capacity(resources, times, by, practical_share, digits)
    carried = [name for name in ("category",) if name in pools.collect_schema().names()]
    columns = [*stage.target, *stage.pool, *carried, "minutes", "capacity_cost_rate", "cost", "unassigned"]
    used = pools.filter(nw.col("_used") > 0).with_columns(
        cost=allocation.to_money(nw.col("_charge"), stage.digits)
    )
    shares = _stage.shared(used.select(*stage.pool, *carried, "capacity_cost_rate", "cost"), rows, stage)
    # a join that matches nothing, for nulls of the customers' own type
    nobody = rows.filter(nw.col("minutes").is_null()).select(*stage.target, *stage.pool)
    idle = pools.with_columns(
        minutes=nw.col("_practical") - allocation.quotient(nw.col("_used"), _TICKS),
        cost=allocation.to_money(nw.col("_booked") - nw.col("_charge"), stage.digits),
        unassigned=nw.lit(True),
    )
    idle = idle.join(nobody, on=stage.pool, how="left")
    both = nw.concat([shares.select(*columns), idle.select(*columns)])
    return _frames.give(both, like=resources, sort=[*stage.pool, *reversed(stage.target)])


def capacity_use(
    resources: FrameT,
    times: FrameT,
    *,
    practical_share: float = 0.8,
    by: str | list[str] | None = None,
    digits: int = 2,
) -> FrameT:
    """Compare the minutes used of each resource with its practical capacity, and price the difference.

    Parameters
    ----------
    resources : DataFrame
        One row a resource: `resource`, `cost` in money, `capacity_minutes` (theoretical, at least 1).
    times : DataFrame
        `customer_id`, `resource`, `minutes` from 0 to 1e9; several rows add up. The same kind of frame as
        `resources`.
    practical_share : float, default 0.8
        Share of the theoretical capacity that is available for work, above 0 and at most 1.
    by : str or list of str, optional
        Columns of both tables that split a resource, such as a period.
    digits : int, default 2
        Decimals of the currency's minor unit, 0 to 9.

    Returns
    -------
    DataFrame
        One row a resource, of the kind of `resources`: `resource`, the columns of `by`, `practical_minutes`,
        `used_minutes`, `unused_minutes`, `utilization` (used as a share of practical), `capacity_cost_rate`
        (money a minute), `used_cost`, `unused_cost` in money, and `over_capacity`, true where more is used
        than there is. Sorted by resource.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type, or the two tables' keys have different types.
    DataError
        As in `time_driven_costs`.
    ParameterError
        If an argument is not valid, or the tables are of different kinds.

    Notes
    -----
    Where a resource is used beyond its capacity, the unused minutes and their cost are negative. A resource
    without times is unused. Tables without rows give a table without rows.

    References
    ----------
    Kaplan, R. S. and Anderson, S. R. (2004), "Time-Driven Activity-Based Costing", *Harvard Business Review*
    82(11): 578 600 of 700 000 minutes are used, 83 %; the others cost 97 120.

    Examples
    --------
    >>> import pandas as pd
    >>> department = pd.DataFrame({"resource": ["service"], "cost": [560_000], "capacity_minutes": [700_000]})
    >>> times = pd.DataFrame({"customer_id": ["all"], "resource": ["service"], "minutes": [578_600]})
    >>> use = capacity_use(department, times, practical_share=1)
    >>> use[["utilization", "unused_minutes", "unused_cost", "over_capacity"]].round(2)
       utilization  unused_minutes  unused_cost  over_capacity
    0         0.83        121400.0      97120.0          False
    """
    columns = _stage.breakdown(by, _RESERVED)
    _frames.require(_frames.lazy(resources).collect_schema().names(), columns, table="resources")
    pools, _, stage = _capacity(resources, times, columns, practical_share, digits)
    used, practical = allocation.quotient(nw.col("_used"), _TICKS), nw.col("_practical")
    table = pools.with_columns(practical_minutes=practical, used_minutes=used).with_columns(
        unused_minutes=nw.col("practical_minutes") - nw.col("used_minutes"),
        utilization=nw.col("used_minutes") / nw.col("practical_minutes"),
        used_cost=allocation.to_money(nw.col("_charge"), stage.digits),
        unused_cost=allocation.to_money(nw.col("_booked") - nw.col("_charge"), stage.digits),
        over_capacity=nw.col("used_minutes") > nw.col("practical_minutes"),
    )
    names = ("practical_minutes", "used_minutes", "unused_minutes", "utilization", "capacity_cost_rate")
    table = table.select(*stage.pool, *names, "used_cost", "unused_cost", "over_capacity")
    return _frames.give(table, like=resources, sort=stage.pool)


def _capacity(
    resources: object, times: object, by: str | list[str] | None, practical_share: float, digits: int
) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any], _stage.Stage]:
    """Check both tables; give each resource its rate, the ticks used and the charge in minor units."""
    columns = _stage.breakdown(by, _RESERVED)
    share = _params.number("practical_share", practical_share, low=0, high=1, open_low=True)
    places, names = allocation.minor_digits(digits), ("resources", "times")
    _joins.same_engine(resources, times, names=names)
    pools, rows = _frames.lazy(resources, table="resources"), _frames.lazy(times, table="times")
    _frames.require(rows.collect_schema().names(), columns, table="times")
    both, _, caused = _stage.sides(columns, pools, rows, table="resources")
    stage = _stage.Stage(["resource", *both], ["customer_id", *caused], "cost", "minutes", places)
    roles = {**dict.fromkeys(stage.pool, "key"), "category": "key", "cost": "number"}
    roles |= {"capacity_minutes": "number"}
    pools = _frames.scan(resources, roles, table="resources", optional=["category"])
    keys = dict.fromkeys((*stage.target, *stage.pool), "key")
    rows = _frames.scan(times, {**keys, "minutes": "number"}, table="times")
    supplied, minutes = nw.col("capacity_minutes"), nw.col("minutes")
    checks = {"with no capacity_minutes": supplied.is_null(), "with a capacity below 1 minute": supplied < 1}
    _frames.refuse(pools, checks | {"with an infinite capacity": supplied > 1e15}, table=names[0])
    _frames.refuse(rows, {f"with more than {LONGEST:.0e} minutes": minutes > LONGEST}, table=names[1])
    pools, rows = _stage.checked(pools, rows, stage, names=names)
    ticks = rows.with_columns(_used=(nw.col("minutes") * _TICKS + 0.5).floor().cast(nw.Int64))
    pools = pools.join(ticks.group_by(stage.pool).agg(nw.col("_used").sum()), on=stage.pool, how="left")
    pools = pools.with_columns(
        _used=nw.col("_used").fill_null(0).cast(nw.Int64),
        _practical=supplied.cast(nw.Float64) * share,
        _booked=allocation.to_units(nw.col("cost"), places),
    ).with_columns(capacity_cost_rate=nw.col("cost") / nw.col("_practical"))
    part = allocation.quotient(nw.col("_used"), _TICKS) / nw.col("_practical")
    charge = (nw.col("_booked").cast(nw.Float64) * part + 0.5).floor()
    return pools.with_columns(_charge=charge.cast(nw.Int64)), rows, stage
