import numpy as np
import pandas as pd
import pytest

from crmkit.errors import ColumnError, DataError, ParameterError
from crmkit.metrics import lead_to_close, mean_time_to_close, time_to_close

START = pd.Timestamp("2024-01-01")


def days(*counts):
    return pd.to_datetime([START + pd.Timedelta(days=n) if n is not None else pd.NaT for n in counts])


LEADS = pd.DataFrame(
    {
        "created_at": [*days(0, 0, 0, 10, 20), pd.NaT],
        "won_at": days(5, None, 8, None, None, None),
        "lost_at": days(None, 7, 6, 12, None, 3),
    }
)


def test_without_open_leads_the_curve_ends_at_the_close_ratio():
    table = LEADS.drop(index=[4, 5])
    curve = time_to_close(table, as_of="2024-12-31")
    ratio = lead_to_close(table, as_of="2024-12-31").iloc[0]
    last = curve[curve["outcome"] == "won"].iloc[-1]
    assert last["incidence"] == pytest.approx(ratio["ratio"], abs=1e-15)
    assert (last["lower"], last["upper"]) == pytest.approx((ratio["lower"], ratio["upper"]))


def test_open_leads_are_censored_by_hand():
    # Days 2 (lost), 5 (won), 7 (lost), 8 (won: lost on day 6, then won), 11 (open at as_of).
    curve = time_to_close(LEADS, as_of=START + pd.Timedelta(days=31))
    won = curve[curve["outcome"] == "won"].set_index("days")
    assert won["at_risk"].to_dict() == {2: 5, 5: 4, 7: 3, 8: 2, 11: 1}
    np.testing.assert_allclose(won["incidence"], [0, 0.2, 0.2, 0.4, 0.4])
    assert won["n_censored"].to_dict() == {2: 0, 5: 0, 7: 0, 8: 0, 11: 1}
    assert set(curve["n"]) == {5}
    assert set(curve["excluded"]) == {1}


def test_what_is_dated_after_as_of_is_open():
    # At day 7 after the start: won on day 5, lost on day 7 and day 6, the others not created yet.
    curve = time_to_close(LEADS, as_of=START + pd.Timedelta(days=7))
    ends = curve.groupby("outcome")["incidence"].max()
    assert ends.to_dict() == pytest.approx({"won": 1 / 3, "lost": 2 / 3})
    assert set(curve["excluded"]) == {3}


def test_horizon_cuts_the_curve():
    full = time_to_close(LEADS, as_of="2024-12-31")
    cut = time_to_close(LEADS, as_of="2024-12-31", horizon_days=7)
    assert cut["days"].max() == 7
    expected = full[full["days"] <= 7].reset_index(drop=True)
    pd.testing.assert_frame_equal(cut, expected)


def test_incidences_and_the_open_share_add_up_to_one():
    rng = np.random.default_rng(3)
    ends = rng.exponential(30, 200)
    closed, as_of = rng.random(200), START + pd.Timedelta(days=40)
    when = START + pd.to_timedelta(ends, unit="D")
    table = pd.DataFrame(
        {"created_at": START, "won_at": when.where(closed < 0.3), "lost_at": when.where(closed >= 0.3)}
    )
    curve = time_to_close(table, as_of=as_of)
    total = curve.groupby("days")["incidence"].sum()
    open_share = 1 - (np.floor(ends)[:, None] <= total.index.to_numpy()[None, :]).mean(axis=0)
    np.testing.assert_allclose(total[:-1], 1 - open_share[:-1])


def test_means_without_open_leads_are_plain_means():
    table = LEADS.drop(index=[4, 5])
    got = mean_time_to_close(table, as_of="2024-12-31", horizon_days=30).set_index("outcome")
    assert got["mean_days"].to_dict() == pytest.approx(
        {"closed": (5 + 7 + 8 + 2) / 4, "won": (5 + 8) / 2, "lost": (7 + 2) / 2}
    )
    assert got["n_event"].to_dict() == {"closed": 4, "won": 2, "lost": 2}


def test_an_unobserved_horizon_is_null_in_a_group_and_an_error_without():
    table = LEADS.assign(team=["a", "a", "a", "a", "b", "b"])
    asked = {"as_of": START + pd.Timedelta(days=31), "horizon_days": 20}
    got = mean_time_to_close(table, by="team", **asked).set_index(["team", "outcome"])["mean_days"]
    assert got["a", "closed"] == pytest.approx(5.5)
    assert got["b"].isna().all()
    with pytest.raises(DataError, match="the horizon must lie within what was observed. Found 20"):
        mean_time_to_close(table[table["team"] == "b"], **asked)


class TestErrors:
    def test_closed_before_created(self):
        table = LEADS.assign(won_at=days(-1, None, -2, None, None, None))
        with pytest.raises(DataError, match="Found 2 of 6 rows closed on a day before created_at"):
            time_to_close(table, as_of="2024-12-31")

    @pytest.mark.parametrize("table", [LEADS, LEADS.head(0)])
    def test_as_of_before_the_data_and_empty_table(self, table):
        with pytest.raises(DataError, match="`leads` must have rows with created_at up to as_of 2020-01-01"):
            time_to_close(table, as_of="2020-01-01")

    @pytest.mark.parametrize("horizon", [-1, 1.5, "x"])
    def test_horizon(self, horizon):
        with pytest.raises(ParameterError, match="`horizon_days` must be an integer"):
            time_to_close(LEADS, as_of="2024-12-31", horizon_days=horizon)
        with pytest.raises(ParameterError, match="`horizon_days` must be an integer"):
            mean_time_to_close(LEADS, as_of="2024-12-31", horizon_days=horizon)

    def test_columns(self):
        with pytest.raises(ColumnError, match="'won_at'"):
            time_to_close(LEADS.drop(columns="won_at"), as_of="2024-12-31")
        with pytest.raises(ParameterError, match="`by` must be columns"):
            time_to_close(LEADS.assign(days=1), as_of="2024-12-31", by="days")

    def test_lost_at_is_optional(self):
        curve = time_to_close(LEADS[["created_at", "won_at"]], as_of="2024-12-31")
        assert curve.loc[curve["outcome"] == "lost", "incidence"].max() == 0
