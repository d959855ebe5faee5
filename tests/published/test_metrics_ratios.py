"""Golden numbers of reference.md §1: ratios, required leads, the funnel, the competing loss."""

import pandas as pd
import pytest

from crmkit import metrics

DAY = pd.Timestamp("2024-03-01")


def leads(created: int, **reached: int) -> pd.DataFrame:
    dates = {name: [DAY] * count + [pd.NaT] * (created - count) for name, count in reached.items()}
    return pd.DataFrame({"created_at": [DAY] * created, **dates})


def test_250_of_1000_leads_are_25_percent():
    assert float(metrics.ratio(250, 1000)) == 0.25
    row = metrics.lead_to_qualified(leads(1000, qualified_at=250), as_of="2024-12-31").iloc[0]
    assert (row["n"], row["qualified"], row["ratio"]) == (1000, 250, 0.25)


def test_250_qualified_at_25_percent_need_1000_leads():
    assert metrics.required_leads(250, ratio=0.25) == 1000


@pytest.mark.parametrize(("wanted", "ratio", "leads_needed"), [(251, 0.25, 1004), (1, 0.3, 4), (7, 1, 7)])
def test_required_leads_are_rounded_up(wanted, ratio, leads_needed):
    assert metrics.required_leads(wanted, ratio=ratio) == leads_needed


def test_price_bands_show_the_price_effect():
    quotes = pd.DataFrame(
        {
            "quoted_at": DAY,
            "won_at": [DAY] * 3 + [pd.NaT] + [DAY] + [pd.NaT] * 3,
            "band": ["low"] * 4 + ["top"] * 4,
        }
    )
    table = metrics.quote_to_close(quotes, as_of="2024-12-31", by="band")
    assert dict(zip(table["band"], table["ratio"], strict=True)) == {"low": 0.75, "top": 0.25}


def test_the_funnel_10_4_2_1():
    table = metrics.funnel(leads(10, qualified_at=4, quoted_at=2, won_at=1), as_of="2024-12-31")
    assert table["reached"].tolist() == [10, 4, 2, 1]
    assert table["step_rate"].tolist()[1:] == [0.4, 0.5, 0.5]
    assert table["overall_rate"].tolist() == [1, 0.4, 0.2, 0.1]


def test_lead_to_close_of_the_funnel_on_both_bases():
    table = leads(10, qualified_at=4, quoted_at=2, won_at=1)
    for base, expected in (("generated", 0.1), ("qualified", 0.25)):
        ratio = metrics.lead_to_close(table, as_of="2024-12-31", lead_base=base)["ratio"]
        assert ratio.tolist() == [expected]


def test_four_lost_then_one_won_is_20_percent_won():
    days = [DAY + pd.Timedelta(days=count) for count in range(1, 6)]
    table = pd.DataFrame(
        {"created_at": DAY, "lost_at": [*days[:4], pd.NaT], "won_at": [pd.NaT] * 4 + days[4:]}
    )
    curve = metrics.time_to_close(table, as_of="2024-12-31")
    assert curve.loc[curve["outcome"] == "won", "incidence"].iloc[-1] == pytest.approx(0.2, abs=1e-15)
    assert curve.loc[curve["outcome"] == "lost", "incidence"].iloc[-1] == pytest.approx(0.8, abs=1e-15)
