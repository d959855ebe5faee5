"""Sum up the gaps between each customer's purchase days, in the customer's own engine."""

from typing import Any

import narwhals as nw

from crmkit import _frames, periods
from crmkit.tables import _occasions


def by_customer(orders: object, rules: _occasions.Rules) -> nw.LazyFrame[Any]:
    """Return one row a buyer: customer_id, purchase_days, last_day, elapsed (days) and sums over its gaps.

    The sums are gaps (how many), gap_sum, gap_squares, and of the logarithms log_sum, log_squares and
    log_moment (weighted by the number of the gap, from 1); zeros for one-time buyers.
    """
    rows = _occasions.read(orders)
    late = f"dated after as_of {rules.as_of:%Y-%m-%d} (after='drop' leaves them out)"
    checks = _occasions.wrong_rows()
    if rules.after == "raise":
        checks[late] = _occasions.too_late(rules)
    _frames.refuse(rows, checks, table="orders")
    rows = rows.filter(~_occasions.too_late(rules))
    if rules.returns == "drop":
        rows = rows.filter(nw.col("amount") >= 0)
    occasions = _occasions.merged(rows, rules.merge)
    if rules.returns == "net":
        occasions = occasions.filter(~_occasions.cancelled())
    days = occasions.select("customer_id", day=periods.day_number(nw.col("day")).cast(nw.Int64))
    # not a count of `day` itself: narwhals would order pandas by whether it is null
    number = nw.col("_one").cum_sum().over("customer_id", order_by="day")
    days = days.with_columns(_one=nw.lit(1)).with_columns(_number=number.cast(nw.Int64)).drop("_one")
    ends = days.group_by("customer_id").agg(purchase_days=nw.len(), last_day=nw.col("day").max())
    sums = _summed(days)
    table = ends.join(sums, on="customer_id", how="left")
    filled = [nw.col(name).fill_null(0) for name in sums.collect_schema().names() if name != "customer_id"]
    elapsed = (rules.last_day - nw.col("last_day")).cast(nw.Int64)
    return table.with_columns(nw.col("purchase_days").cast(nw.Int64), *filled, elapsed=elapsed)


def _summed(days: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Join each purchase day to the next one of the customer, and sum the gaps and their logarithms."""
    earlier = days.select("customer_id", _before=nw.col("day"), _number=nw.col("_number") + 1)
    gaps = days.join(earlier, on=["customer_id", "_number"])
    gap = (nw.col("day") - nw.col("_before")).cast(nw.Float64)
    gaps = gaps.with_columns(_gap=gap, _log=gap.log(), _place=(nw.col("_number") - 1).cast(nw.Float64))
    log = nw.col("_log")
    gaps = gaps.with_columns(
        _square=nw.col("_gap") * nw.col("_gap"), _logs=log * log, _moment=log * nw.col("_place")
    )
    return gaps.group_by("customer_id").agg(
        gaps=nw.len(),
        gap_sum=nw.col("_gap").sum(),
        gap_squares=nw.col("_square").sum(),
        log_sum=nw.col("_log").sum(),
        log_squares=nw.col("_logs").sum(),
        log_moment=nw.col("_moment").sum(),
    )
