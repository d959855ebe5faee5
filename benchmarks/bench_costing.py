"""`metrics.allocate_costs` on 10 million driver rows, DuckDB with 1 GB of memory, against SQL by hand."""

import tempfile
from typing import Any

import duckdb

from crmkit import metrics
from measuring import medians, row

# The same rule to the cent: shares rounded down, the cents left over to the largest fractional parts.
SHARES = """
WITH caused AS (
    SELECT activity, customer_id, sum(quantity) AS quantity FROM drivers GROUP BY ALL
), quotas AS (
    SELECT caused.*, category, round(cost * 100)::BIGINT AS cents,
        cost / sum(quantity) OVER pool AS cost_driver_rate,
        round(cost * 100) * (quantity / sum(quantity) OVER pool) AS quota
    FROM caused JOIN activities USING (activity) WINDOW pool AS (PARTITION BY activity)
), ranked AS (
    SELECT *, row_number() OVER (
        PARTITION BY activity ORDER BY round((quota - floor(quota)) * 1e9) DESC, customer_id
    ) AS place
    FROM quotas
), rounded AS (
    SELECT *, cents - sum(floor(quota)::BIGINT) OVER (PARTITION BY activity) AS over FROM ranked
)
SELECT customer_id, activity, category, quantity, cost_driver_rate,
    (floor(quota)::BIGINT + (place <= over)::BIGINT) / 100 AS cost, false AS unassigned
FROM rounded
UNION ALL
SELECT NULL, activity, category, NULL, NULL, cost, true
FROM activities ANTI JOIN drivers USING (activity)
ORDER BY activity, customer_id
"""


def _company(con: duckdb.DuckDBPyConnection, rows: int, customers: int) -> None:
    """Write the two tables; every value comes from a hash of the row number, so that runs repeat."""
    con.execute(f"""
        CREATE TABLE drivers AS SELECT (hash(i) % {customers})::BIGINT AS customer_id,
            'activity ' || (hash(7 * i + 1) % 8) AS activity, (hash(3 * i + 2) % 40) / 4 AS quantity
        FROM range({rows}) AS series(i)
    """)
    con.execute("""
        CREATE TABLE activities AS SELECT 'activity ' || i AS activity, 'category ' || (i % 3) AS category,
            round(1_000_000 + i * 12_345.67, 2) AS cost
        FROM range(9) AS series(i)
    """)


def rows(rows: int = 10_000_000, customers: int = 200_000, repeat: int = 5) -> list[dict[str, Any]]:
    """Measure the promise; the two results are compared row by row in the engine."""
    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as con:
        con.execute(f"SET memory_limit = '1GB'; SET temp_directory = '{spill}'")
        con.execute("SET enable_progress_bar = false")
        _company(con, rows, customers)

        def ours() -> None:
            costs = metrics.allocate_costs(con.table("activities"), con.table("drivers"))
            con.execute("DROP TABLE IF EXISTS ours")
            costs.create("ours")

        def theirs() -> None:
            con.execute(f"CREATE OR REPLACE TABLE theirs AS {SHARES}")

        functions = {"crmkit": ours, "SQL by hand, unchecked": theirs}
        seconds, _ = medians(functions, repeat=repeat)
        figures = "round(quantity, 6), round(cost_driver_rate, 6), cost, unassigned"
        columns = f"customer_id, activity, category, {figures}"
        for one, other in (("ours", "theirs"), ("theirs", "ours")):
            query = f"SELECT {columns} FROM {one} EXCEPT ALL SELECT {columns} FROM {other}"
            assert not con.execute(f"SELECT count(*) FROM ({query})").fetchone()[0]
    size = f"{rows:_} driver rows, {customers:_} customers".replace("_", " ")
    mine = seconds.pop("crmkit")
    return [row(f"allocate_costs, DuckDB in 1 GB, {size}", mine, seconds, 1.5)]


if __name__ == "__main__":
    for measured in rows():
        print(measured)
