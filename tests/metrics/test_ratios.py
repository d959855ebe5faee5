import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from statsmodels.stats.proportion import proportion_confint

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import lead_to_close, lead_to_qualified, quote_to_close, ratio, required_leads


def dates(*texts):
    return pd.to_datetime(list(texts), format="ISO8601").astype("datetime64[us]")


LEADS = pd.DataFrame(
    {
        "channel": ["web", "web", "web", "fair", "fair", "fair"],
        "created_at": dates("2024-01-10", "2024-01-20", "2024-02-03", "2024-01-05", "2024-02-07", None),
        "qualified_at": dates("2024-02-01", None, "2024-02-04", "2024-01-06", None, "2024-02-01"),
        "won_at": dates("2024-03-05", None, "2024-02-20", None, None, "2024-02-02"),
        "lost_at": dates(None, "2024-02-28", None, "2024-01-30", None, None),
    }
)


class TestRatio:
    def test_wilson_interval_is_that_of_statsmodels(self):
        got = ratio(7, 23, confidence=0.9)
        assert (got.lower, got.upper) == pytest.approx(proportion_confint(7, 23, alpha=0.1, method="wilson"))

    def test_repr_is_plain(self):
        assert repr(ratio(250, 1000)) == "Ratio(25.0 % of 1000; 95 % interval 22.4 to 27.8 %, Wilson)"
        assert repr(ratio(0, 0)) == "Ratio(undefined: 0 of 0)"
        assert repr(ratio(7, 5)) == "Ratio(140.0 % of 5; no interval)"

    def test_zero_base_is_nan_with_n_zero(self):
        got = ratio(0, 0)
        assert got.n == 0
        assert math.isnan(float(got))
        assert got.to_dict() == {
            "value": None,
            "numerator": 0,
            "n": 0,
            "lower": None,
            "upper": None,
            "method": None,
            "confidence": 0.95,
        }

    def test_is_frozen(self):
        with pytest.raises(AttributeError):
            ratio(1, 2).value = 3

    @pytest.mark.parametrize("counts", [(-1, 5), (1, -5), (0.5, 2), (True, 2), (math.nan, 2)])
    def test_counts_are_whole(self, counts):
        with pytest.raises(ParameterError, match="must be an integer at least 0"):
            ratio(*counts)

    @pytest.mark.parametrize("confidence", [0.4, 1, "high"])
    def test_confidence_range(self, confidence):
        with pytest.raises(ParameterError, match="confidence"):
            ratio(1, 2, confidence=confidence)


class TestRequiredLeads:
    @pytest.mark.parametrize(
        ("qualified", "share", "leads"),
        [
            (3, 0.1 + 0.2, 10),
            (1, 1 - 0.9, 10),
            (50, 100 / 300, 150),
            (1, 0.3, 4),
            (0, 0.5, 0),
            (5, 1, 5),
            (10**15 + 1, 1, 10**15 + 1),
            (1, 1e-300, 10**300),
        ],
    )
    def test_is_the_ceiling_without_float_noise(self, qualified, share, leads):
        assert required_leads(qualified, ratio=share) == pytest.approx(leads, rel=1e-12)
        if leads < 10**15:
            assert required_leads(qualified, ratio=share) == leads

    @given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**6))
    def test_for_any_ratio_of_counts(self, qualified, a, b):
        x, n = sorted((a, b))
        assert required_leads(qualified, ratio=x / n) == -(-qualified * n // x)

    def test_takes_a_ratio(self):
        assert required_leads(250, ratio=ratio(250, 1000)) == 1000

    @pytest.mark.parametrize("share", [0, -0.1, 25, math.nan, "x", ratio(0, 0)])
    def test_ratio_is_a_share_above_zero(self, share):
        with pytest.raises(ParameterError, match="`ratio` must be a finite number above 0 and at most 1"):
            required_leads(5, ratio=share)


class TestTables:
    def test_columns_and_values_of_the_cohorts(self):
        got = lead_to_close(LEADS, as_of="2024-02-29", by="channel", period="month")
        expected = pd.DataFrame(
            {
                "channel": ["fair", "fair", "fair", "web", "web"],
                "period": dates("2024-01-01", "2024-02-01", None, "2024-01-01", "2024-02-01"),
                "n": [1, 1, 0, 2, 1],
                "closed": [0, 0, 0, 0, 1],
                "open": [0, 1, 0, 1, 0],
                "ratio": [0.0, 0.0, math.nan, 0.0, 1.0],
            }
        )
        pd.testing.assert_frame_equal(got[list(expected)], expected, check_dtype=False)
        assert list(got)[6:] == ["lower", "upper", "method", "as_of", "excluded"]
        assert got["excluded"].tolist() == [0, 0, 1, 0, 0]
        assert got["method"].isna().tolist() == [False, False, True, False, False]
        assert set(got["as_of"]) == {pd.Timestamp("2024-02-29")}

    def test_an_event_after_as_of_has_not_happened(self):
        before = lead_to_close(LEADS, as_of="2024-03-04").iloc[0]
        after = lead_to_close(LEADS, as_of="2024-03-05").iloc[0]
        assert (before["closed"], before["open"], after["closed"], after["open"]) == (1, 2, 2, 1)

    def test_period_basis_divides_dated_events_by_dated_bases(self):
        got = lead_to_qualified(LEADS, as_of="2024-02-29", period="month", basis="period")
        assert got["n"].tolist() == [3, 2, 0]  # January, February, without a date
        assert got["qualified"].tolist() == [1, 2, 0]
        assert got["excluded"].tolist() == [0, 0, 1]

    def test_period_basis_can_exceed_one_and_then_has_no_interval(self):
        table = pd.DataFrame(
            {
                "quoted_at": dates("2024-01-01", "2024-01-02", "2024-02-01"),
                "won_at": dates("2024-02-05", "2024-02-06", None),
            }
        )
        got = quote_to_close(table, as_of="2024-03-31", period="month", basis="period")
        assert got["ratio"].tolist() == [0, 2]
        assert got["upper"].isna().tolist() == [False, True]
        assert got["method"].isna().tolist() == [False, True]

    def test_an_event_month_without_base_has_a_null_ratio(self):
        table = pd.DataFrame({"quoted_at": dates("2024-01-01"), "won_at": dates("2024-02-05")})
        got = quote_to_close(table, as_of="2024-03-31", period="month", basis="period")
        assert got["n"].tolist() == [1, 0]
        assert got["closed"].tolist() == [0, 1]
        assert got["ratio"].isna().tolist() == [False, True]

    def test_without_periods_both_bases_agree(self):
        cohort = lead_to_close(LEADS, as_of="2024-12-31", by="channel")
        period = lead_to_close(LEADS, as_of="2024-12-31", by="channel", basis="period")
        pd.testing.assert_frame_equal(cohort, period)

    def test_an_event_on_the_day_of_entry_counts_one_on_the_day_before_excludes(self):
        table = pd.DataFrame(
            {
                "created_at": dates("2024-01-02 10:00", "2024-01-02 10:00"),
                "won_at": dates("2024-01-02 00:00", "2024-01-01 23:59"),
            }
        )
        got = lead_to_close(table, as_of="2024-01-31").iloc[0]
        assert (got["n"], got["closed"], got["excluded"]) == (1, 1, 1)

    def test_a_lead_lost_and_won_later_is_won(self):
        table = pd.DataFrame(
            {"created_at": dates("2024-01-01"), "lost_at": dates("2024-01-05"), "won_at": dates("2024-01-09")}
        )
        got = lead_to_close(table, as_of="2024-01-31").iloc[0]
        assert (got["closed"], got["open"]) == (1, 0)

    def test_no_qualified_lead_gives_null_with_n_zero(self):
        table = LEADS.head(1).assign(qualified_at=pd.NaT)
        got = lead_to_close(table, as_of="2024-12-31", lead_base="qualified")
        assert got["n"].tolist() == [0]
        assert got[["ratio", "lower", "upper", "method"]].isna().all(axis=None)

    def test_the_input_is_not_changed(self):
        before = LEADS.copy(deep=True)
        lead_to_close(LEADS, as_of="2024-12-31", by="channel", period="week")
        pd.testing.assert_frame_equal(LEADS, before)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 60)] * 3, st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_qualified_base_is_never_below_the_generated_one_when_sales_were_qualified(rows):
    start = pd.Timestamp("2024-01-01")
    table = pd.DataFrame(
        {
            "created_at": [start + pd.Timedelta(days=created) for created, *_ in rows],
            "qualified_at": [
                start + pd.Timedelta(days=c + q) if qualified else pd.NaT for c, q, _, qualified, _ in rows
            ],
            "won_at": [
                start + pd.Timedelta(days=c + q + w) if qualified and won else pd.NaT
                for c, q, w, qualified, won in rows
            ],
        }
    ).astype("datetime64[us]")
    asked = {"as_of": start + pd.Timedelta(days=90), "period": "month"}
    generated = lead_to_close(table, **asked)
    qualified = lead_to_close(table, lead_base="qualified", **asked)
    assert generated["closed"].tolist() == qualified["closed"].tolist()
    assert (qualified["n"] <= generated["n"]).all()
    some = qualified["n"] > 0
    assert (qualified["ratio"] >= generated["ratio"])[some].all()
    assert (generated["closed"] + generated["open"] <= generated["n"]).all()


class TestErrors:
    def test_missing_column_names_the_nearest_and_the_call(self):
        with pytest.raises(ColumnError, match=r"'won_at'.*did you mean 'won'.*crmkit\.tables\.leads"):
            lead_to_close(LEADS.rename(columns={"won_at": "won"}), as_of="2024-12-31")

    def test_missing_by_column(self):
        with pytest.raises(ColumnError, match="'region'"):
            lead_to_close(LEADS, as_of="2024-12-31", by="region")

    def test_qualified_base_needs_its_column(self):
        with pytest.raises(ColumnError, match="'qualified_at'"):
            lead_to_close(LEADS.drop(columns="qualified_at"), as_of="2024-12-31", lead_base="qualified")

    def test_lost_at_is_optional(self):
        got = lead_to_close(LEADS.drop(columns=["lost_at", "qualified_at"]), as_of="2024-12-31")
        assert got["open"].tolist() == [3]

    @pytest.mark.parametrize(
        ("asked", "match"),
        [
            ({"basis": "both"}, "`basis` must be one of 'cohort', 'period'"),
            ({"lead_base": "all"}, "`lead_base` must be one of 'generated', 'qualified'"),
            ({"period": "fortnight"}, "`period` must be one of"),
            ({"by": ["n"]}, "`by` must be columns that the result does not add itself"),
            ({"by": "period"}, "`by` must be columns"),
            ({"confidence": 95}, "`confidence` must be"),
            ({"as_of": "soon"}, "`as_of` must be a date"),
        ],
    )
    def test_parameters(self, asked, match):
        with pytest.raises(ParameterError, match=match):
            lead_to_close(LEADS, **{"as_of": "2024-12-31", **asked})

    def test_as_of_before_the_data(self):
        with pytest.raises(DataError, match=r"up to as_of 2020-01-01.*Found 6 rows, none of which can be"):
            lead_to_close(LEADS, as_of="2020-01-01", by="channel", period="month", basis="period")

    @pytest.mark.parametrize("by", [None, "channel"])
    def test_empty_table(self, by):
        with pytest.raises(DataError, match="`leads` must have rows.*Found no row at all"):
            lead_to_qualified(LEADS.head(0), as_of="2024-12-31", by=by, period="month" if by else None)

    def test_wrong_type(self):
        with pytest.raises(ColumnError, match="dates in 'created_at'"):
            lead_to_close(LEADS.assign(created_at="2024-01-01"), as_of="2024-12-31")


def test_interval_of_every_row_is_that_of_statsmodels():
    rng = np.random.default_rng(7)
    created = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, 400), unit="D")
    won = (created + pd.Timedelta(days=3)).where(rng.random(400) < 0.3)
    table = pd.DataFrame({"channel": rng.integers(0, 9, 400), "created_at": created, "won_at": won})
    got = lead_to_close(table, as_of="2024-12-31", by="channel", confidence=0.99)
    lower, upper = proportion_confint(got["closed"], got["n"], alpha=0.01, method="wilson")
    np.testing.assert_allclose(got["lower"], lower, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(got["upper"], upper, rtol=1e-12)


def test_as_of_counts_as_a_whole_day():
    """What happened in the afternoon of the last day has happened, whatever hour as_of carries."""
    leads = pd.DataFrame(
        {
            "created_at": pd.to_datetime(["2024-12-31 15:00", "2024-12-01 00:00", "2025-01-01 00:00"]),
            "won_at": pd.to_datetime([None, "2024-12-31 23:59", None]),
        }
    )
    for as_of in ("2024-12-31", "2024-12-31 08:00"):
        row = lead_to_close(leads, as_of=as_of).iloc[0]
        assert (row["n"], row["closed"], row["excluded"]) == (2, 1, 1)
        assert row["as_of"] == pd.Timestamp("2024-12-31")
