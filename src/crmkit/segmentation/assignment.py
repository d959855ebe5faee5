"""Turn a plan of treatments into a list: which customer of each cell gets which treatment."""

import math
from typing import Any

import narwhals as nw

from crmkit import _frames, _joins, _params
from crmkit._frames import FrameT
from crmkit.errors import ColumnError
from crmkit.segmentation.treatments import TreatmentPlan

_LAST = 1.7e308
_WHOLE = 1e-6


def assign_treatments(
    customers: FrameT, plan: TreatmentPlan, *, priority: str | None = None, key: str = "cell"
) -> FrameT:
    """Give each customer the treatment that the plan has for it.

    Parameters
    ----------
    customers : DataFrame
        One row a customer with ``customer_id`` and its cell; other columns are kept.
    plan : TreatmentPlan
        The plan, as `plan_treatments` gives it.
    priority : str, optional
        Numeric column: within a cell the customers with the greatest values are served first. Left out, the
        order is that of ``customer_id``.
    key : str, default "cell"
        Column that names the cell, as it was for the plan.

    Returns
    -------
    DataFrame
        The rows of `customers`, of the same kind, with ``treatment``, null for who gets none.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type, or the frame has ``treatment`` already.
    DataError
        If a row lacks its customer, a customer stands twice, or a priority is infinite.
    ParameterError
        If `plan` is none, or has no cells named by `key`.

    Notes
    -----
    Where a cell is split, the customers served first get the treatment with the greatest effect on one. Parts
    of customers are rounded down, so that the list costs no more than the plan. If a cell has fewer customers
    now than the plan assumed, the treatments with the least effect are cut short. A null priority comes last;
    equal ones go by ``customer_id``. Lazy frames stay lazy.

    References
    ----------
    See :func:`crmkit.segmentation.plan_treatments`.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.segmentation import plan_treatments
    >>> effects = pd.DataFrame({"cell": ["invest"], "treatment": ["visit"], "effect": [9.0],
    ...                         "unit_cost": [3.0]})
    >>> base = pd.DataFrame({"customer_id": list("abc"), "cell": "invest", "profit": [5.0, 9.0, 7.0]})
    >>> plan = plan_treatments(effects, budget=8, customers={"invest": 3})
    >>> assign_treatments(base, plan, priority="profit")
      customer_id    cell  profit treatment
    0           a  invest     5.0       NaN
    1           b  invest     9.0     visit
    2           c  invest     7.0     visit
    """
    ranks = _ranks(plan, key)
    roles = {"customer_id": "key", _params.column("key", key): "label"}
    if priority is not None:
        roles[_params.column("priority", priority)] = "number"
    if "treatment" in _frames.lazy(customers).collect_schema().names():
        msg = "`frame` must not have the column 'treatment', which the result adds: rename it."
        raise ColumnError(msg)
    rows = _frames.scan(customers, roles, keep=True)
    listed = _ordered(rows, key, priority)
    local = _joins.attach(ranks, to=rows)
    place = nw.col("_rank")
    chosen = listed.join(local, on=key).filter((place > nw.col("_after")) & (place <= nw.col("_until")))
    chosen = chosen.select("customer_id", "treatment")
    return _frames.give(rows.join(chosen, on="customer_id", how="left"), like=customers)


def _ordered(rows: nw.LazyFrame[Any], key: str, priority: str | None) -> nw.LazyFrame[Any]:
    """Rank the customers of each cell in the order in which they are served."""
    checks = {"without a customer_id": nw.col("customer_id").is_null()}
    order = nw.lit(0.0)
    if priority is not None:
        value = nw.col(priority).cast(nw.Float64)
        checks[f"with an infinite {priority}"] = value.abs() > _LAST
        order = nw.when(value.is_null()).then(_LAST).otherwise(0.0 - value)
    _frames.refuse(rows, checks, table="frame")
    counted = rows.group_by("customer_id").agg(_n=nw.len())
    _frames.refuse(counted, {"(customers) that stand in it more than once": nw.col("_n") > 1}, table="frame")
    names = dict.fromkeys(["customer_id", key])
    placed = rows.filter(~nw.col(key).is_null()).select(*names, _order=order, _one=nw.lit(1))
    rank = nw.col("_one").cum_sum().over(key, order_by=["_order", "customer_id"])
    return placed.with_columns(_rank=rank.cast(nw.Int64))


def _ranks(plan: TreatmentPlan, key: str) -> Any:
    """List for each cell and treatment the ranks of the customers who get it, best treatment first."""
    import pandas as pd

    if not isinstance(plan, TreatmentPlan):
        _params.fail("plan", "a TreatmentPlan, as plan_treatments(…) gives it", plan)
    if key not in plan.assignment.columns:
        _params.fail("key", f"the column of the plan, '{plan.assignment.columns[0]}'", key)
    table = plan.assignment[plan.assignment["customers"] > _WHOLE]
    best = (table["effect"] / table["customers"]).sort_values(ascending=False, kind="stable").index
    reached: dict[Any, int] = {}
    lines = []
    for row in table.loc[best].to_dict("records"):
        after = reached.get(row[key], 0)
        reached[row[key]] = after + math.floor(row["customers"] + _WHOLE)
        lines.append((row[key], row["treatment"], after, reached[row[key]]))
    if not lines:  # no engine joins on a column without a type
        lines = [(plan.assignment[key].iloc[0], "", 0, 0)]
    return pd.DataFrame(lines, columns=[key, "treatment", "_after", "_until"])
