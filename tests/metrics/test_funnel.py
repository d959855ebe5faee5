import datetime as dt

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import funnel, funnel_from_counts, lead_to_close, lead_to_qualified


def dates(*texts):
    return pd.to_datetime(list(texts), format="ISO8601").astype("datetime64[us]")


LEADS = pd.DataFrame(
    {
        "created_at": dates("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-02-01", None),
        "qualified_at": dates("2024-01-05", None, "2024-01-06", None, "2024-02-02", "2024-01-01"),
        "quoted_at": dates("2024-01-08", None, None, None, None, None),
        "won_at": dates("2024-01-20", "2024-01-09", None, None, None, None),
        "lost_at": dates(None, None, "2024-01-31", "2024-01-15", None, None),
    }
)


def test_a_sale_without_quote_has_passed_every_stage_and_is_said_so():
    got = funnel(LEADS, as_of="2024-12-31")
    assert got["reached"].tolist() == [5, 4, 2, 2]
    assert got["implied"].tolist() == [0, 1, 1, 0]
    assert got["lost"].tolist() == [1, 1, 0, 0]
    assert got["open"].tolist() == [0, 1, 0, 0]
    assert got["excluded"].tolist() == [1] * 4
    assert got["previous"].isna().tolist() == [True, False, False, False]


def test_recorded_stages_agree_with_the_ratios():
    got = funnel(LEADS, as_of="2024-12-31").set_index("stage")
    recorded = got["reached"] - got["implied"]
    assert recorded["qualified_at"] == lead_to_qualified(LEADS, as_of="2024-12-31")["qualified"][0]
    assert recorded["won_at"] == lead_to_close(LEADS, as_of="2024-12-31")["closed"][0]


@pytest.mark.parametrize("as_of", ["2024-01-04", "2024-01-10", "2024-02-28"])
def test_leads_reconcile_at_every_stage(as_of):
    got = funnel(LEADS, as_of=as_of, period="week")
    for _, group in got.groupby("period"):
        left = group["reached"] - group["open"] - group["lost"]
        assert left.tolist()[:-1] == group["reached"].tolist()[1:]


def test_intervals_are_those_of_statsmodels():
    got = funnel(LEADS, as_of="2024-12-31", confidence=0.9).iloc[1:]
    for prefix, base in (("step", "previous"), ("overall", "n")):
        expected = proportion_confint(got["reached"], got[base], alpha=0.1, method="wilson")
        np.testing.assert_allclose(got[f"{prefix}_lower"], expected[0], rtol=1e-12)
        np.testing.assert_allclose(got[f"{prefix}_upper"], expected[1], rtol=1e-12)


def test_any_stage_list_and_no_loss_column():
    got = funnel(
        LEADS[["qualified_at", "won_at"]], as_of=dt.date(2024, 12, 31), stages=["qualified_at", "won_at"]
    )
    assert got["stage"].tolist() == ["qualified_at", "won_at"]
    assert got["reached"].tolist() == [4, 1]
    assert got["open"].tolist() == [3, 0]
    assert got["lost"].tolist() == [0, 0]


def test_a_group_of_excluded_leads_only_has_null_rates():
    got = funnel(LEADS, as_of="2024-12-31", period="year")
    undated = got[got["period"].isna()]
    assert undated["n"].tolist() == [0] * 4
    assert undated[["step_rate", "overall_rate", "overall_upper", "method"]].isna().all(axis=None)


def test_counts_give_the_rates_of_the_leads():
    table = funnel(LEADS, as_of="2024-12-31")
    counts = funnel_from_counts(dict(zip(table["stage"], table["reached"], strict=True)))
    pd.testing.assert_frame_equal(counts, table[list(counts)], check_dtype=False)


def test_nobody_reached_the_stage_before():
    got = funnel_from_counts({"leads": 3, "proposals": 0, "wins": 0})
    assert got["step_rate"].isna().tolist() == [True, False, True]
    assert got["overall_rate"].tolist() == [1, 0, 0]


class TestErrors:
    @pytest.mark.parametrize("stages", [["created_at"], "created_at", [], ["won_at", "won_at"]])
    def test_two_distinct_stages(self, stages):
        with pytest.raises(ParameterError, match="`stages` must be"):
            funnel(LEADS, as_of="2024-12-31", stages=stages)

    def test_missing_stage(self):
        with pytest.raises(ColumnError, match="'proposed_at'"):
            funnel(LEADS, as_of="2024-12-31", stages=["created_at", "proposed_at"])

    def test_by_may_not_be_a_column_of_the_result(self):
        with pytest.raises(ParameterError, match="`by` must be columns"):
            funnel(LEADS.assign(stage="x"), as_of="2024-12-31", by="stage")

    @pytest.mark.parametrize("table", [LEADS, LEADS.head(0)])
    def test_as_of_before_the_data_and_empty_table(self, table):
        with pytest.raises(DataError, match="`leads` must have rows with created_at up to as_of 2020-01-01"):
            funnel(table, as_of="2020-01-01")

    def test_counts_that_grow(self):
        with pytest.raises(DataError, match=r"wins \(3 after 2\)"):
            funnel_from_counts({"leads": 10, "proposals": 2, "wins": 3})

    @pytest.mark.parametrize("counts", [{"leads": 10}, [10, 4], {"leads": 10, "wins": -1}])
    def test_counts_are_a_mapping_of_whole_numbers(self, counts):
        with pytest.raises(ParameterError, match=r"`counts.* must be"):
            funnel_from_counts(counts)
