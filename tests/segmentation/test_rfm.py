import itertools

import numpy as np
import pandas as pd
import pytest

from crmkit import segmentation
from crmkit.datasets import load_cdnow
from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.segmentation import SEGMENTS, RFMCuts, Segment

CUTS = {"recency_days": [30, 90, 180, 365], "frequency": [2, 3, 5, 9], "monetary": [50, 100, 250, 1000]}


def orders(*rows):
    frame = pd.DataFrame(rows, columns=["customer_id", "order_date", "amount"])
    return frame.assign(order_date=pd.to_datetime(frame["order_date"], format="mixed"))


def graded(customers):
    """Customer i buys on i days, the last of them i days after 1 June, for 10 a day: ever better."""
    rows = [
        (number, pd.Timestamp("2024-06-01") + pd.Timedelta(days=number - back), 10.0)
        for number in range(1, customers + 1)
        for back in range(number)
    ]
    return orders(*rows)


def measured(**columns):
    return pd.DataFrame({"customer_id": range(len(next(iter(columns.values())))), **columns})


def scores(frame):
    return {row.customer_id: (row.r, row.f, row.m) for row in frame.itertuples()}


def test_by_hand():
    days = orders(
        ("a", "2024-01-05 09:00", 80.0),
        ("a", "2024-01-05 17:00", 5.0),
        ("b", "2024-12-20", 70.0),
        ("b", "2024-11-30", 50.0),
        ("b", "2024-12-24", -20.0),
        ("gone", "2024-12-24", -20.0),
        ("c", "2024-12-31 23:59", 20.0),
    )
    expected = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "recency_days": [361, 11, 0],
            "frequency": [1, 2, 1],
            "monetary": [85.0, 100.0, 20.0],
        }
    )
    pd.testing.assert_frame_equal(segmentation.rfm_table(days, as_of="2024-12-31"), expected)
    dropped = segmentation.rfm_table(days, as_of="2024-12-31", returns="drop")
    assert dropped["monetary"].tolist() == [85.0, 120.0, 20.0]
    kept = segmentation.rfm_table(days, as_of="2024-12-31", returns="keep")
    assert kept["customer_id"].tolist() == ["a", "b", "c", "gone"]
    assert kept["recency_days"].tolist() == [361, 7, 0, 7]


@pytest.mark.parametrize("bins", [2, 3, 5, 10])
def test_the_best_customer_scores_highest(bins):
    scored = segmentation.rfm(graded(20), as_of="2024-08-01", bins=bins)
    by_customer = scores(scored)
    assert by_customer[1] == (1, 1, 1)
    assert by_customer[20] == (bins, bins, bins)
    for score in "rfm":
        assert scored[score].is_monotonic_increasing
        assert set(scored[score]) == set(range(1, bins + 1))
        assert scored[score].value_counts().max() - scored[score].value_counts().min() <= 1
    assert (scored["score"] == scored["r"] + scored["f"] + scored["m"]).all()


def test_codes_and_segments_of_best_and_worst():
    scored = segmentation.rfm(graded(25), as_of="2024-08-01")
    assert scored.iloc[-1][["rfm", "score", "segment"]].tolist() == ["555", 15, "champions"]
    assert scored.iloc[0][["rfm", "score", "segment"]].tolist() == ["111", 3, "hibernating"]
    wide = segmentation.rfm(graded(25), as_of="2024-08-01", bins=10)
    assert wide.iloc[-1]["rfm"] == "10-10-10"
    assert wide.iloc[0]["rfm"] == "1-1-1"


def test_each_measure_moves_its_own_score_only():
    base = {"recency_days": 100, "frequency": 3, "monetary": 100.0}
    table = measured(**{name: [value] * 4 for name, value in base.items()})
    table.loc[1, "recency_days"], table.loc[2, "frequency"], table.loc[3, "monetary"] = 10, 9, 1000.0
    found = scores(segmentation.rfm_score(table, cuts=CUTS))
    assert found == {0: (3, 3, 3), 1: (5, 3, 3), 2: (3, 5, 3), 3: (3, 3, 5)}


def test_ties_share_a_score():
    table = measured(
        recency_days=[5] * 6 + [50] * 4, frequency=[1] * 9 + [7], monetary=[0.1 + 0.2] * 5 + [0.3] * 5
    )
    cuts = segmentation.rfm_cuts(table)
    scored = segmentation.rfm_score(table, cuts=cuts)
    for measure, score in (("recency_days", "r"), ("frequency", "f")):
        assert (scored.groupby(measure)[score].nunique() == 1).all()
    assert scored.set_index("customer_id").loc[9, "f"] == 5


def test_sums_that_differ_by_rounding_only_are_equal():
    days = orders(
        ("a", "2024-01-01", 0.1), ("a", "2024-01-02", 0.2), ("b", "2024-01-01", 0.3), ("b", "2024-01-02", 0.0)
    )
    scored = segmentation.rfm(days, as_of="2024-02-01")
    assert scored["m"].nunique() == 1
    assert scored["monetary"].tolist() == [0.3, 0.3]


def test_one_customer_and_equal_customers_are_best():
    one = segmentation.rfm(orders(("a", "2024-01-05", 3.0)), as_of="2024-12-31")
    assert one["rfm"].tolist() == ["555"]
    same = orders(*((name, "2024-01-05", 3.0) for name in "abcd"))
    scored = segmentation.rfm(same, as_of="2024-12-31")
    assert scored["rfm"].tolist() == ["555"] * 4


def test_three_customers_five_bins():
    scored = segmentation.rfm(graded(3), as_of="2024-08-01")
    assert scores(scored) == {1: (1, 1, 1), 2: (3, 3, 3), 3: (5, 5, 5)}


def test_old_thresholds_score_new_customers():
    old = segmentation.rfm_table(graded(20), as_of="2024-08-01")
    cuts = segmentation.rfm_cuts(old)
    new = segmentation.rfm(graded(5), as_of="2024-08-01", cuts=cuts)
    whole = segmentation.rfm(graded(20), as_of="2024-08-01")
    pd.testing.assert_frame_equal(new, whole.head(5))
    assert segmentation.rfm(graded(5), as_of="2024-08-01", cuts=cuts.to_dict()).equals(new)


def test_given_cuts_may_differ_in_number():
    cuts = {"recency_days": [30], "frequency": [2, 4], "monetary": [10, 20, 30]}
    table = measured(recency_days=[30, 31], frequency=[4, 1], monetary=[30.0, 9.99])
    assert scores(segmentation.rfm_score(table, cuts=cuts)) == {0: (2, 3, 4), 1: (1, 1, 1)}


def test_cuts_persist_and_are_checked():
    cuts = RFMCuts(**{name: tuple(values) for name, values in CUTS.items()})
    assert cuts.bins == (5, 5, 5)
    assert RFMCuts.from_json(cuts.to_json()) == cuts
    assert RFMCuts(**cuts.to_dict()) == cuts
    assert RFMCuts((30,), (2, 2, 2), (9,)).frequency == (2.0, 2.0, 2.0)
    with pytest.raises(DataError, match="RFMCuts"):
        RFMCuts.from_json("{}")
    for wrong in ((), (2, 1), (1, 2, 1), (float("nan"),), ("x",), 3, tuple(range(10))):
        with pytest.raises(ParameterError):
            RFMCuts(recency_days=wrong, frequency=(1,), monetary=(1,))
    for wrong in ({"recency_days": [1]}, [1, 2, 3], None):
        with pytest.raises(ParameterError, match="`cuts` must be an RFMCuts or a mapping"):
            segmentation.rfm_score(measured(recency_days=[1], frequency=[1], monetary=[1]), cuts=wrong)


def test_sql_gives_the_same_scores():
    duckdb = pytest.importorskip("duckdb")
    table = segmentation.rfm_table(load_cdnow(sample=True), as_of="1998-06-30")
    cuts = segmentation.rfm_cuts(table)
    scored = segmentation.rfm_score(table, cuts=cuts)
    connection = duckdb.connect()
    connection.register("measured", table)
    query = f"SELECT {cuts.to_sql(dialect='duckdb')} FROM measured ORDER BY customer_id"
    got = connection.execute(query).df()
    assert (got.to_numpy() == scored[["r", "f", "m"]].to_numpy()).all()
    gap = connection.execute(
        f"SELECT {cuts.to_sql(dialect='duckdb')} FROM "
        "(SELECT NULL::DOUBLE recency_days, 'nan'::DOUBLE frequency, 1.0::DOUBLE monetary)"
    ).fetchall()
    assert gap == [(None, None, 1)]
    with pytest.raises(ParameterError, match="`dialect` must be one of"):
        cuts.to_sql(dialect="klingon")


def test_segments_cover_every_cell_once():
    for r, f, m in itertools.product(range(1, 6), repeat=3):
        assert sum(segment.holds(r, f, m) for segment in SEGMENTS) == 1
    assert len({segment.name for segment in SEGMENTS}) == len(SEGMENTS) == 10
    assert all(segment.action for segment in SEGMENTS)


def test_own_segments():
    own = (Segment("whales", m=(5, 5), action="call"), Segment("rest"))
    scored = segmentation.rfm(graded(10), as_of="2024-08-01", segments=own)
    assert scored.loc[scored["m"] == 5, "segment"].eq("whales").all()
    assert scored.loc[scored["m"] < 5, "segment"].eq("rest").all()
    summed = segmentation.rfm_segments(scored, segments=own)
    assert summed[["segment", "action", "customers"]].to_numpy().tolist() == [
        ["whales", "call", 2],
        ["rest", "", 8],
    ]
    with pytest.raises(ParameterError, match="also 1-1-1"):
        segmentation.rfm(graded(10), as_of="2024-08-01", segments=own[:1])
    for wrong in ((), own[1:] * 2):
        with pytest.raises(ParameterError, match="distinct names"):
            segmentation.rfm(graded(10), as_of="2024-08-01", segments=wrong)
    for ends in ((0, 5), (4, 3), (1, 6), 3, (1, 2, 3)):
        with pytest.raises(ParameterError, match="`r` must be a pair"):
            Segment("x", r=ends)


def test_segment_summary():
    scored = segmentation.rfm(load_cdnow(sample=True), as_of="1998-06-30")
    summed = segmentation.rfm_segments(scored).set_index("segment")
    assert summed["customers"].sum() == 2357
    assert summed["customer_share"].sum() == pytest.approx(1)
    assert summed["revenue_share"].sum() == pytest.approx(1)
    names = [segment.name for segment in SEGMENTS if segment.name in summed.index]
    assert list(summed.index) == names
    champions = scored[scored["segment"] == "champions"]
    row = summed.loc["champions"]
    assert row["revenue"] == pytest.approx(champions["monetary"].sum())
    assert row["mean_monetary"] == pytest.approx(champions["monetary"].mean())
    assert row["mean_recency_days"] == pytest.approx(champions["recency_days"].mean())
    assert row["mean_frequency"] == pytest.approx(champions["frequency"].mean())


def test_segment_summary_without_revenue_and_with_unknown_segments():
    scored = measured(recency_days=[1, 2], frequency=[1, 1], monetary=[-5.0, 5.0]).assign(
        segment=["odd", "at risk"]
    )
    summed = segmentation.rfm_segments(scored)
    assert summed["segment"].tolist() == ["at risk", "odd"]
    assert summed["revenue_share"].isna().all()
    assert pd.isna(summed["action"].iloc[1])


def test_errors():
    days = graded(4)
    with pytest.raises(DataError, match="rows dated after as_of 2024-06-02"):
        segmentation.rfm(days, as_of="2024-06-02")
    assert len(segmentation.rfm(days, as_of="2024-06-02", after="drop")) == 4
    with pytest.raises(ParameterError, match="`bins` must be an integer at least 2 and at most 10"):
        segmentation.rfm(days, as_of="2024-08-01", bins=11)
    with pytest.raises(ColumnError, match="'customer_id'"):
        segmentation.rfm(days.drop(columns="customer_id"), as_of="2024-08-01")
    with pytest.raises(ColumnError, match="'monetary'"):
        segmentation.rfm_cuts(measured(recency_days=[1], frequency=[1]))
    gap = measured(recency_days=[1.0, np.nan], frequency=[1, 2], monetary=[np.inf, 1.0])
    with pytest.raises(
        DataError, match=r"1 of 2 rows without recency_days; 1 of 2 rows with infinite monetary"
    ):
        segmentation.rfm_score(gap, cuts=CUTS)
    with pytest.raises(DataError, match="at least one"):
        segmentation.rfm_cuts(gap.head(0))
    only = days.assign(amount=-1.0)
    with pytest.raises(DataError, match="at least one"):
        segmentation.rfm(only, as_of="2024-08-01")
