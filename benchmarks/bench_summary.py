"""`clv.summarize` on 5 million orders of 500 000 customers, against pandas, lifetimes, polars and DuckDB."""

import datetime as dt
import warnings
from typing import Any

import duckdb
import pandas as pd
import polars as pl

from crmkit import clv
from measuring import assert_equal, medians, row, simulated_orders

AS_OF = "2023-12-31"
_LAST = dt.date(2023, 12, 31)

# Written by hand, as one would for this one job; all give customers in order, as crmkit does.
_SQL = """
WITH days AS (
  SELECT customer_id, order_date::DATE AS day, sum(amount) AS amount FROM orders_ GROUP BY ALL
)
SELECT customer_id, count(*) - 1 AS frequency, (max(day) - min(day)) / 7.0 AS recency,
  (DATE '2023-12-31' - min(day)) / 7.0 AS T,
  CASE WHEN count(*) > 1 THEN (sum(amount) - arg_min(amount, day)) / (count(*) - 1) ELSE 0 END
    AS monetary_value
FROM days GROUP BY customer_id ORDER BY customer_id
"""
_SQL_WINDOW = """
WITH days AS (
  SELECT customer_id, date_trunc('day', order_date) AS day, sum(amount) AS amount FROM orders_ GROUP BY ALL
), numbered AS (
  SELECT *, row_number() OVER (PARTITION BY customer_id ORDER BY day) AS number FROM days
)
SELECT customer_id, count(*) - 1 AS frequency, date_diff('day', min(day), max(day)) / 7.0 AS recency,
  date_diff('day', min(day), TIMESTAMP '2023-12-31') / 7.0 AS T,
  coalesce(avg(amount) FILTER (number > 1), 0) AS monetary_value
FROM numbered GROUP BY customer_id ORDER BY customer_id
"""


def pandas_groupby(orders: pd.DataFrame) -> pd.DataFrame:
    day = orders["order_date"].dt.normalize().rename("day")
    days = orders.groupby(["customer_id", day])["amount"].sum().reset_index()
    later = days["amount"].where(days["customer_id"].duplicated())
    base = (
        days.assign(later=later)
        .groupby("customer_id")
        .agg(count=("day", "size"), first=("day", "min"), last=("day", "max"), later=("later", "mean"))
    )
    week = pd.Timedelta(days=7)
    return pd.DataFrame(
        {
            "frequency": base["count"] - 1,
            "recency": (base["last"] - base["first"]) / week,
            "T": (pd.Timestamp(AS_OF) - base["first"]) / week,
            "monetary_value": base["later"].fillna(0.0),
        }
    ).reset_index()


def pandas_unsorted(orders: pd.DataFrame) -> pd.DataFrame:
    day = orders["order_date"].dt.normalize().rename("day")
    days = orders.groupby(["customer_id", day], sort=False)["amount"].sum().reset_index()
    by = days.groupby("customer_id", sort=False)
    first = by["day"].transform("min")
    later = days["amount"].where(days["day"] > first)
    base = by["day"].agg(["size", "min", "max"])
    mean = later.groupby(days["customer_id"], sort=False).mean()
    week = pd.Timedelta(days=7)
    return (
        pd.DataFrame(
            {
                "frequency": base["size"] - 1,
                "recency": (base["max"] - base["min"]) / week,
                "T": (pd.Timestamp(AS_OF) - base["min"]) / week,
                "monetary_value": mean.fillna(0.0),
            }
        )
        .sort_index()
        .reset_index()
    )


def with_lifetimes(orders: pd.DataFrame) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes.utils import summary_data_from_transaction_data

        summary = summary_data_from_transaction_data(
            orders, "customer_id", "order_date", "amount", observation_period_end=AS_OF, freq="D"
        )
    summary[["recency", "T"]] /= 7
    return summary.astype({"frequency": "int64"}).reset_index()


def _days(orders: pl.LazyFrame) -> pl.LazyFrame:
    return orders.group_by("customer_id", pl.col("order_date").dt.date().alias("day")).agg(
        pl.col("amount").sum()
    )


def _polars_summary(base: pl.LazyFrame) -> pl.DataFrame:
    first, last = pl.col("first"), pl.col("last")
    return (
        base.select(
            "customer_id",
            pl.col("count").cast(pl.Int64).alias("frequency") - 1,
            recency=(last - first).dt.total_days() / 7,
            T=(pl.lit(_LAST) - first).dt.total_days() / 7,
            monetary_value=pl.col("later").fill_null(0.0),
        )
        .sort("customer_id")
        .collect()
    )


def polars_groups(orders: pl.LazyFrame) -> pl.DataFrame:
    ordered = pl.col("amount").sort_by("day")
    return _polars_summary(
        _days(orders)
        .group_by("customer_id")
        .agg(
            count=pl.len(),
            first=pl.col("day").min(),
            last=pl.col("day").max(),
            later=ordered.slice(1).mean(),
        )
    )


def polars_window(orders: pl.LazyFrame) -> pl.DataFrame:
    later = pl.when(pl.col("day") > pl.col("day").min().over("customer_id")).then(pl.col("amount"))
    return _polars_summary(
        _days(orders)
        .with_columns(later=later)
        .group_by("customer_id")
        .agg(
            count=pl.len(),
            first=pl.col("day").min(),
            last=pl.col("day").max(),
            later=pl.col("later").mean(),
        )
    )


def polars_join(orders: pl.LazyFrame) -> pl.DataFrame:
    days = _days(orders)
    ends = days.group_by("customer_id").agg(
        count=pl.len(), first=pl.col("day").min(), last=pl.col("day").max(), total=pl.col("amount").sum()
    )
    both = ends.join(days, left_on=["customer_id", "first"], right_on=["customer_id", "day"])
    later = (pl.col("total") - pl.col("amount")) / (pl.col("count") - 1)
    return _polars_summary(both.with_columns(later=pl.when(pl.col("count") > 1).then(later)))


def rows(orders: int = 5_000_000, customers: int = 500_000, repeat: int = 5) -> list[dict[str, Any]]:
    """Measure the four promises; each output is compared with crmkit's."""
    frame = simulated_orders(orders, customers)
    size = f"{orders:_} orders of {customers:_} customers".replace("_", " ")
    pandas, polars, duck = _on_pandas(frame, repeat), _on_polars(frame, repeat), _on_duckdb(frame, repeat)
    hand = {name: pandas[name] for name in ("pandas groupby", "pandas groupby, unsorted")}
    return [
        row(f"summarize, pandas, {size}", pandas["crmkit"], hand, 1 / 1.5),
        row(f"summarize, pandas, {size}", pandas["crmkit"], {"lifetimes": pandas["lifetimes"]}, 1 / 4),
        row(f"summarize, polars lazy, {size}", polars.pop("crmkit"), polars, 1.2),
        row(f"summarize, DuckDB, {size}", duck.pop("crmkit"), duck, 1.3),
    ]


def _on_pandas(frame: pd.DataFrame, repeat: int) -> dict[str, float]:
    functions = {
        "crmkit": lambda: clv.summarize(frame, as_of=AS_OF),
        "pandas groupby": lambda: pandas_groupby(frame),
        "pandas groupby, unsorted": lambda: pandas_unsorted(frame),
        "lifetimes": lambda: with_lifetimes(frame),
    }
    seconds, outputs = medians(functions, repeat=repeat)
    for name in functions:
        assert_equal(outputs[name], outputs["crmkit"], key="customer_id")  # crmkit adds unit and as_of
    return seconds


def _on_polars(frame: pd.DataFrame, repeat: int) -> dict[str, float]:
    lazy = pl.from_pandas(frame).lazy()
    functions = {
        "crmkit": lambda: clv.summarize(lazy, as_of=AS_OF).collect(),
        "polars, sorted groups": lambda: polars_groups(lazy),
        "polars, window": lambda: polars_window(lazy),
        "polars, join": lambda: polars_join(lazy),
    }
    seconds, outputs = medians(functions, repeat=repeat)
    for name in functions:
        assert_equal(outputs[name].to_pandas(), outputs["crmkit"].to_pandas(), key="customer_id")
    return seconds


def _on_duckdb(frame: pd.DataFrame, repeat: int) -> dict[str, float]:
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    connection.register("given", pl.from_pandas(frame).to_arrow())
    connection.execute("CREATE TABLE orders AS FROM given")
    orders = connection.table("orders")
    functions = {
        "crmkit": lambda: clv.summarize(orders, as_of=AS_OF).to_arrow_table(),
        "SQL, arg_min": lambda: orders.query("orders_", _SQL).to_arrow_table(),
        "SQL, window": lambda: orders.query("orders_", _SQL_WINDOW).to_arrow_table(),
    }
    seconds, outputs = medians(functions, repeat=repeat)
    for name in functions:
        assert_equal(outputs[name].to_pandas(), outputs["crmkit"].to_pandas(), key="customer_id")
    return seconds


if __name__ == "__main__":
    for measured in rows():
        print(measured)
