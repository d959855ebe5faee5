"""Follow the customers who first bought up to a date: what they bought later, and what a model expects."""

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd

from crmkit import _frames, _joins, _params, periods
from crmkit.clv.btyd import _cells, _reading, _scoring
from crmkit.clv.btyd._special import Floats
from crmkit.errors import DataError
from crmkit.tables import _occasions

if TYPE_CHECKING:
    from crmkit.clv.btyd.customer_base import CustomerBaseModel

COUNT, _FOUND = "_crmkit_count", "_crmkit_found"


def bought(rows: nw.LazyFrame[Any], rules: _occasions.Rules) -> nw.LazyFrame[Any]:
    """Return the purchase occasions that rows make."""
    if rules.returns == "drop":
        rows = rows.filter(nw.col("amount") >= 0)
    occasions = _occasions.merged(rows, rules.merge)
    return occasions.filter(~_occasions.cancelled()) if rules.returns == "net" else occasions


def repeats(rows: nw.LazyFrame[Any], first: nw.LazyFrame[Any], whole: _occasions.Rules) -> "pd.Series[float]":
    """Count the purchases of a cohort after the first ones, by day."""
    day = periods.day_number(nw.col("day"))
    seen = bought(rows.filter(~_occasions.too_late(whole)), whole)
    later = seen.join(first, on="customer_id", how="inner").with_columns(day=day)
    later = later.filter(nw.col("day") > nw.col("first_day")).group_by("day").agg(nw.len().alias("count"))
    return _frames.collect(later.sort("day")).set_index("day")["count"]


def births(first: nw.LazyFrame[Any], kinds: nw.LazyFrame[Any] | None, *, end: str) -> "pd.DataFrame":
    """Count the customers of a cohort by the day of the first purchase and by their covariates, if any.

    Returns first_day, the covariates and, under a name that is none of theirs, how many customers.
    """
    names = [] if kinds is None else kinds.drop("customer_id").collect_schema().names()
    rows = first.with_columns(**{_FOUND: nw.lit(1, nw.Int64)})
    if kinds is not None:
        marked = kinds.with_columns(**{_FOUND: nw.lit(1, nw.Int64)})
        first, marked = _joins.matched(first, marked, ["customer_id"], names=("orders", "covariates"))
        rows = first.join(marked, on="customer_id", how="left")
    by = ["first_day", *names]
    born = _frames.collect(
        rows.group_by(*by).agg(**{COUNT: nw.len(), _FOUND: nw.col(_FOUND).count()}).sort(*by)
    )
    if not len(born):
        msg = f"`orders` must have a purchase up to {end}. Found returns only."
        raise DataError(msg)
    customers, found = int(born[COUNT].sum()), int(born.pop(_FOUND).sum())
    if found < customers:
        msg = (
            f"`covariates` must have a row for every customer with a purchase up to {end}. Found none for "
            f"{customers - found} of {customers}: add them."
        )
        raise DataError(msg)
    count = born[COUNT].to_numpy(dtype=float)
    _cells.Cells(born, count, count).refuse(_reading.lacking(born, names), table="covariates")
    return born


def expected(model: "CustomerBaseModel", born: "pd.DataFrame", ends: Floats, length: float) -> Floats:
    """Sum what a model expects new customers to buy since their first purchases, up to each of the days."""
    params = _scoring.params_at(model, model._point, model._layout.matrix(born))
    new, count = model._function("expected_new"), born[COUNT].to_numpy(dtype=float)
    day = born["first_day"].to_numpy(dtype=float)
    return np.array([count @ new(params, np.maximum(end - day, 0) / length) for end in ends])


def read_covariates(
    covariates: object, model: "CustomerBaseModel", *, orders: object
) -> nw.LazyFrame[Any] | None:
    """Open the covariates of customers, one row each; None if the model has none."""
    asked = model._asked()
    named = asked.covariates
    if not named:
        return None
    if covariates is None:
        wanted = f"a frame with customer_id and {', '.join(named)}, for a model with covariates"
        _params.fail("covariates", wanted, covariates)
    _joins.same_engine(orders, covariates, names=("orders", "covariates"))
    schema = _frames.lazy(covariates, table="covariates").collect_schema()
    roles = asked.roles(schema, model._layout.codings)
    columns = {"customer_id": "key", **{name: roles[name] for name in named}}
    rows = _frames.scan(covariates, columns, table="covariates")
    checks = {
        "without a customer_id": nw.col("customer_id").is_null(),
        "(customers) that stand in it more than once": nw.col(COUNT) > 1,
    }
    counted = rows.group_by("customer_id").agg(**{COUNT: nw.len()})
    _frames.refuse(counted, checks, table="covariates")
    return rows
