"""Table contracts: mapping, checking and the business time zone, on every engine."""

import datetime as dt
import inspect
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from crmkit import _frames, tables
from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import capacity_use
from crmkit.segmentation import RATING_SHEETS, Attribute, RatingSheet, rate
from crmkit.testing import LAZY, assert_parity, crossed_rows, to_engine, to_pandas

RAW = pd.DataFrame(
    {
        "cust": ["a", "b", "a"],
        "ts": pd.to_datetime(["2024-03-31 23:30", "2024-01-07 10:00", "2024-03-04 00:00"]).tz_localize("UTC"),
        "net": [1.5, 3.0, -2.0],
        "note": ["x", None, "z"],
    }
)
NAMES = {"customer_id": "cust", "order_date": "ts", "amount": "net"}


def test_an_order_at_2330_utc_on_the_last_of_the_month_belongs_to_the_next_month_in_helsinki():
    expected = pd.DataFrame(
        {
            "customer_id": ["a", "b", "a"],
            "order_date": pd.to_datetime(["2024-04-01 02:30", "2024-01-07 12:00", "2024-03-04 02:00"]),
            "amount": [1.5, 3.0, -2.0],
            "note": ["x", None, "z"],
        }
    )
    assert_parity(
        lambda frame: tables.orders(frame, **NAMES, tz="Europe/Helsinki"),
        RAW,
        expected=expected,
        keys=["order_date"],
        crossing=1,
    )


def test_a_spark_session_in_another_zone_reads_the_same_instant():
    spark = pytest.importorskip("pyspark") and to_engine(RAW, "spark")
    session = spark.sparkSession
    session.conf.set("spark.sql.session.timeZone", "America/New_York")
    try:
        mapped = to_pandas(tables.orders(spark, **NAMES, tz="Europe/Helsinki"))
    finally:
        session.conf.set("spark.sql.session.timeZone", "UTC")
    assert mapped["order_date"].min() == pd.Timestamp("2024-01-07 12:00")
    assert mapped["order_date"].max() == pd.Timestamp("2024-04-01 02:30")


def test_iso_text_is_read_as_dates():
    text = ["2024-03-31", "2024-01-07 10:00", "2024-03-04T23:59:59.5", None]
    raw = pd.DataFrame({"lead_id": [1, 2, 3, 4], "created_at": ["2024-01-01"] * 4, "won_at": text, "x": "y"})
    expected = raw.assign(
        created_at=pd.to_datetime(raw["created_at"]),
        won_at=pd.to_datetime(
            ["2024-03-31 00:00", "2024-01-07 10:00", "2024-03-04 23:59:59.5", None], format="ISO8601"
        ),
    )
    assert_parity(tables.leads, raw, expected=expected, keys=["lead_id"], crossing=2)


def objects(*values):
    return RAW.drop(columns="ts").assign(ts=pd.Series(values, dtype=object))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            (dt.date(2024, 2, 29), dt.date(1600, 1, 1), dt.date(9999, 12, 31)),
            ["2024-02-29", "1600-01-01", "9999-12-31"],
        ),
        (
            (dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 10, 30, 5, 7), pd.Timestamp("2024-02-01 01:00")),
            ["2024-01-31", "2024-01-31T10:30:05.000007", "2024-02-01T01:00"],
        ),
    ],
)
def test_dates_of_python_in_pandas_are_dates(values, expected):
    frame = objects(*values).set_index(pd.Index([5, 5, 1]))
    before = frame.copy()
    mapped = tables.orders(frame, **NAMES)
    pd.testing.assert_frame_equal(frame, before)
    assert mapped["order_date"].dtype == np.dtype("datetime64[us]")
    assert mapped["order_date"].to_numpy().tolist() == np.array(expected, dtype="datetime64[us]").tolist()
    assert list(mapped.columns) == ["customer_id", "amount", "note", "order_date"]


@pytest.mark.parametrize("nothing", [None, pd.NaT, np.nan])
def test_dates_of_python_with_nulls(nothing):
    leads = pd.DataFrame({"lead_id": [1, 2], "created_at": [dt.date(2024, 1, 1)] * 2})
    leads["won_at"] = pd.Series([nothing, dt.date(2024, 3, 1)], dtype=object)
    mapped = tables.leads(leads)
    assert mapped["won_at"].tolist() == [pd.NaT, pd.Timestamp("2024-03-01")]
    with pytest.raises(DataError, match=r"orders\.order_date: 1 row without a date"):
        tables.orders(objects(dt.date(2024, 1, 1), nothing, dt.date(2024, 1, 1)), **NAMES)


def test_aware_datetimes_of_python_need_the_business_time_zone():
    helsinki, utc = ZoneInfo("Europe/Helsinki"), dt.UTC
    frame = objects(
        dt.datetime(2024, 3, 31, 23, 30, tzinfo=utc), None, dt.datetime(2024, 7, 1, tzinfo=helsinki)
    )
    with pytest.raises(ColumnError, match="Got the time zone UTC: map the table with its business time zone"):
        tables.leads(frame.assign(lead_id=[1, 2, 3], created_at=pd.Timestamp("2024-01-01")), won_at="ts")
    frame = frame.dropna(subset="ts")
    mapped = tables.orders(frame, **NAMES, tz="Europe/Helsinki")
    assert mapped["order_date"].tolist() == [pd.Timestamp("2024-04-01 02:30"), pd.Timestamp("2024-07-01")]


@pytest.mark.parametrize(
    "strange",
    [dt.time(10), "2024-01-01", 20240101, pd.Period("2024-01", "M"), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)],
)
def test_objects_that_are_no_dates_are_refused(strange):
    with pytest.raises(ColumnError, match="must have dates in 'order_date'. Got the type Object"):
        tables.orders(objects(dt.date(2024, 1, 1), dt.datetime(2024, 1, 1), strange), **NAMES)


READ = {
    "2024-02-29": "2024-02-29",
    "2024-01-31 23:59": "2024-01-31T23:59:00",
    "2024-01-31T10:30": "2024-01-31T10:30:00",
    "2024-01-31T10:30:59.25": "2024-01-31T10:30:59.25",
    "2024-01-31 10:30:00.123456": "2024-01-31T10:30:00.123456",
}
REFUSED = ["2024", "2024-01", "20240131", "2024/01/31", "24-01-31", "2024-1-31", "2024-02-30", "2024-13-01"]
REFUSED += ["2024-01-31 24:00", "2024-01-31 10:60", "2024-01-31T10:30:00+02:00", "2024-01-31T10:30:00Z"]
REFUSED += ["2024-01-31T10:30:00-0500", " 2024-01-31", "2024-01-31 ", "2024-01-31x", "", "now", "infinity"]


def test_every_engine_reads_the_same_text_as_dates():
    raw = pd.DataFrame({"lead_id": range(len(READ)), "created_at": list(READ)})
    expected = raw.assign(created_at=pd.to_datetime(list(READ.values()), format="ISO8601"))
    assert_parity(tables.leads, raw, expected=expected, keys=["lead_id"], crossing=2)


def test_every_engine_refuses_the_same_text(engine):
    rows = pd.DataFrame({"lead_id": range(len(REFUSED)), "created_at": REFUSED})
    some = r"31T10:30:00Z|2024|31 24:00"
    with pytest.raises(DataError, match=f"created_at: {len(REFUSED)} rows that are no ISO dates.*{some}"):
        tables.leads(engine(rows))
    both = pd.DataFrame({"lead_id": [1, 2], "created_at": ["2024-01-31", "2024-01-31T10:30:00+02:00"]})
    with pytest.raises(DataError, match=r"1 row that .* without an offset from UTC"):
        tables.leads(engine(both))


def test_naive_dates_are_left_as_they_are():
    naive = RAW.assign(ts=RAW["ts"].dt.tz_localize(None))
    mapped = tables.orders(naive, **NAMES, tz="Europe/Helsinki")
    assert mapped["order_date"].tolist() == naive["ts"].tolist()


def test_checking_costs_one_row(engine):
    frame = engine(RAW.assign(ts=RAW["ts"].dt.tz_localize(None)))
    with crossed_rows() as fetched:
        tables.orders(frame, **NAMES)
    if (
        type(frame).__module__.startswith(("duckdb", "_duckdb", "pyspark"))
        or "LazyFrame" in type(frame).__name__
    ):
        assert fetched == [1]


BAD = {
    "null key": ({"cust": [None, "b", "c"]}, DataError, r"orders\.customer_id: 1 row without a value"),
    "no date": (
        {"ts": pd.to_datetime([None, "2024-01-01", "2024-01-02"])},
        DataError,
        "1 row without a date",
    ),
    "infinite": ({"net": [np.inf, 1.0, -np.inf]}, DataError, "2 rows with an infinite number, for example"),
    "text amount": ({"net": ["1", "2", "3"]}, ColumnError, "must have numbers in 'amount'"),
    "text that is no date": (
        {"ts": ["2024-01-31", "31.1.2024", "soon"]},
        DataError,
        r"orders\.order_date: 2 rows that are no ISO dates, for example 31\.1\.2024, soon",
    ),
    "number as date": (
        {"ts": [20240131, 1, 2]},
        ColumnError,
        r"must have dates in 'order_date'.*20240131 as to_datetime\(…, format='%Y%m%d'\)",
    ),
    "fraction as date": ({"ts": [45322.5, 1, 2]}, ColumnError, "must have dates.*read the numbers by their"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_rows(engine, case):
    columns, error, message = BAD[case]
    frame = engine(RAW.assign(ts=RAW["ts"].dt.tz_localize(None)).assign(**columns))
    with pytest.raises(error, match=message):
        tables.orders(frame, **NAMES)


def test_empty_table(engine):
    with pytest.raises(DataError, match=r"orders\.\*: the table is empty"):
        tables.orders(engine(RAW.iloc[:0]), **NAMES, tz="UTC")


def test_missing_column(engine):
    with pytest.raises(ColumnError, match="must have the column 'amount'"):
        tables.orders(engine(RAW), customer_id="cust", order_date="ts")
    with pytest.raises(ColumnError, match="must have the column 'nett' .did you mean 'net'"):
        tables.orders(engine(RAW), customer_id="cust", order_date="ts", amount="nett")


def test_repeated_keys(engine):
    leads = pd.DataFrame({"lead_id": [1, 1, 2, 2, 2], "created_at": pd.to_datetime(["2024-01-01"] * 5)})
    with pytest.raises(DataError, match=r"leads\.lead_id: 3 rows with the key of an earlier row"):
        tables.leads(engine(leads))


def test_limits(engine):
    stock = pd.DataFrame({"product_id": ["p"], "date": pd.to_datetime(["2024-01-01"]), "on_hand": [-1.0]})
    with pytest.raises(DataError, match=r"stock\.on_hand: 1 row below 0, for example -1"):
        tables.stock(engine(stock))
    opportunities = pd.DataFrame(
        {
            "opportunity_id": [1],
            "created_at": pd.to_datetime(["2024-01-01"]),
            "value": [1.0],
            "probability": [1.5],
        }
    )
    with pytest.raises(DataError, match=r"opportunities\.probability: 1 row above 1, for example 1\.5"):
        tables.opportunities(engine(opportunities))


def test_wrong_calls():
    with pytest.raises(ParameterError, match="`orders` has no column 'customer'. It has: customer_id"):
        tables.orders(RAW, customer="cust")
    with pytest.raises(ParameterError, match="`amount` must be the name of a column. Got 3 instead"):
        tables.orders(RAW, amount=3)
    with pytest.raises(ParameterError, match="`tz` must be an IANA time zone"):
        tables.orders(RAW, **NAMES, tz="Helsinki")
    with pytest.raises(ColumnError, match="two columns for cust"):
        tables.orders(RAW, customer_id="cust", order_id="cust")
    with pytest.raises(ColumnError, match="two columns for customer_id"):
        tables.orders(RAW.assign(customer_id=1), **NAMES)
    with pytest.raises(ColumnError, match="Got the time zone UTC"):
        tables.orders(RAW, **NAMES)


def test_columns_may_swap_names():
    frame = pd.DataFrame(
        {"amount": ["a"], "customer_id": [1.0], "order_date": pd.to_datetime(["2024-01-01"])}
    )
    mapped = tables.orders(frame, customer_id="amount", amount="customer_id")
    assert mapped["amount"].tolist() == [1.0]
    assert mapped["customer_id"].tolist() == ["a"]


def test_input_is_not_changed():
    before = pd.util.hash_pandas_object(RAW).sum()
    tables.orders(RAW, **NAMES, tz="Europe/Helsinki")
    assert pd.util.hash_pandas_object(RAW).sum() == before


def test_every_contract_of_the_design_has_its_function():
    design = (
        "activities campaigns cases customers drivers interactions invoices leads ledger messages "
        "opportunities orders products quotes ratings readings resources responses stock subscriptions visits"
    ).split()
    assert sorted(tables.CONTRACTS) == sorted(design)
    for name in design:
        function = getattr(tables, name)
        assert inspect.signature(function).parameters.keys() >= {
            "frame",
            "tz",
            *tables.CONTRACTS[name].roles(),
        }
        assert name in (function.__doc__ or "")
        assert tables.CONTRACTS[name].required()


def test_departments_and_marks_are_mapped_at_the_door(engine):
    books = pd.DataFrame({"dept": ["service"], "spent": [560_000], "paid_minutes": [875_000]})
    resources = tables.resources(
        engine(books), resource="dept", cost="spent", capacity_minutes="paid_minutes"
    )
    times = pd.DataFrame({"customer_id": ["a"], "resource": ["service"], "minutes": [578_600.0]})
    use = to_pandas(capacity_use(resources, engine(times)))
    assert use["unused_cost"].tolist() == [97_120]
    sheet = RatingSheet("fit", (Attribute("skills", "all we need"), Attribute("cash", "ample")))
    marks = pd.DataFrame({"who": [7, 7], "line": ["skills", "cash"], "mark": [4.0, None]})
    ratings = tables.ratings(engine(marks), customer_id="who", attribute="line", rating="mark")
    assert to_pandas(rate(ratings, sheet, missing="skip"))["score"].tolist() == [4.0]


def test_unfit_departments_and_marks_are_counted():
    books = pd.DataFrame({"resource": ["a", None], "cost": [1.0, 2.0], "capacity_minutes": [0.0, 60.0]})
    with pytest.raises(DataError, match="resources.resource: 1 row without a value.*below 1, for example 0"):
        tables.resources(books)
    with pytest.raises(ColumnError, match=r"`ratings` must have the column 'rating' .*crmkit.tables.ratings"):
        rate(pd.DataFrame({"customer_id": [1], "attribute": ["x"], "ratng": [3]}), RATING_SHEETS["swot"])
    with pytest.raises(ColumnError, match="'capacity_minutes'.*crmkit.tables.resources"):
        capacity_use(books[["resource", "cost"]], books)


def test_described_has_a_row_a_column():
    rows = tables.described()
    assert len(rows) == sum(len(one.columns) for one in tables.CONTRACTS.values())
    assert all(row["role"] in ("key", "label", "date", "number", "flag") for row in rows)


@pytest.mark.parametrize("thing", [None, "orders", tables.orders, {"orders": 1}])
def test_problems_needs_a_contract(thing):
    frame = pd.DataFrame({"customer_id": [1]})
    with pytest.raises(ParameterError, match="`contract` must be a Contract, such as one of crmkit.tables"):
        tables.problems(frame, thing)


def test_problems_lists_all_of_them():
    frame = pd.DataFrame(
        {
            "customer_id": [None, 1],
            "order_date": pd.to_datetime([None, "2024-01-01"]),
            "amount": [np.inf, 1.0],
        }
    )
    found = [str(one) for one in tables.problems(frame, tables.CONTRACTS["orders"])]
    assert found == [
        "orders.customer_id: 1 row without a value",
        "orders.order_date: 1 row without a date",
        "orders.amount: 1 row with an infinite number, for example inf",
    ]
    missing = tables.problems(frame[["amount"]], tables.CONTRACTS["orders"])
    assert [str(one) for one in missing] == [
        "orders.customer_id: is missing",
        "orders.order_date: is missing",
    ]
    typed = tables.problems(frame.assign(amount="x"), tables.CONTRACTS["orders"])
    assert any("must have numbers" in str(one) for one in typed)


def test_lazy_names():
    assert set(LAZY) == {"polars_lazy", "duckdb", "spark"}


def test_errors_name_a_mapping_call_for_the_tables_that_have_one():
    assert set(tables.CONTRACTS) == _frames.MAPPED
    for table, remedy in (("orders", r"crmkit\.tables\.orders\(…\)\."), ("summary", "Rename it first")):
        with pytest.raises(ColumnError, match=remedy):
            _frames.require(["x"], ["y"], table=table)
