"""Simple estimators, written from the published models, find the simulated company's true parameters.

Every tolerance is four standard errors of the estimator, or of the sums compared.
"""

from math import sqrt
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1, polygamma

from crmkit.datasets import simulate_company


@pytest.fixture(scope="module")
def company():
    return simulate_company(customers=20_000, random_state=20_260)


@pytest.fixture(scope="module")
def t(company):
    return company.tables


@pytest.fixture(scope="module")
def bought(t):
    """Orders of the purchase process only."""
    orders = t["orders"]
    return orders[(orders["amount"] > 0) & orders["campaign"].isna()]


@pytest.fixture(scope="module")
def clock(company):
    """Seasonal time, in weeks, at the midnight that starts each date; one date more than there are."""
    dates = pd.date_range("2022-01-01", company.as_of)
    season = company.truth["season"]
    pace = [season["month"][date.month - 1] * season["weekday"][date.weekday()] for date in dates]
    return pd.Series(np.cumsum([0.0, *pace]) / 7, index=[*dates, dates[-1] + pd.Timedelta(days=1)])


def assert_share(hits, p):
    n = len(hits)
    assert n > 30
    assert abs(np.mean(hits) - p) <= 4 * sqrt(p * (1 - p) / n), (np.mean(hits), p, n)


def test_number_of_repeat_orders_is_that_of_bg_nbd(company, t, bought, clock):
    r, alpha, a, b = (company.truth["purchases"][name] for name in ("r", "alpha", "a", "b"))
    repeat = bought.groupby("customer_id").size() - 1
    since = t["customers"].set_index("customer_id")["since"][repeat.index]
    T = clock.iloc[-1] - clock[since].to_numpy() - 0.5 / 7  # half a day: the first order came during its day
    # Fader, Hardie and Lee (2005), equation 9
    fall = (alpha / (alpha + T)) ** r * hyp2f1(r, b, a + b - 1, T / (alpha + T))
    expected = (a + b - 1) / (a - 1) * (1 - fall)
    error = repeat.to_numpy() - expected
    assert abs(error.mean()) <= 4 * error.std() / sqrt(len(error))
    assert expected.mean() > 3


def test_share_of_customers_without_a_second_order_is_pareto(company, t, bought, clock):
    truth = company.truth["purchases"]
    moment = clock[bought["order_date"]].to_numpy() + 0.5 / 7
    ranked = bought.assign(moment=moment, rank=bought.groupby("customer_id").cumcount())
    first = ranked[ranked["rank"] == 0].set_index("customer_id")["moment"]
    second = ranked[ranked["rank"] == 1].set_index("customer_id")["moment"]
    old = first[first < clock.iloc[-1] - 27].index
    wait = second.reindex(old) - first[old]
    for weeks in (4, 26):
        assert_share(~(wait <= weeks), (truth["alpha"] / (truth["alpha"] + weeks)) ** truth["r"])


def test_latent_values_have_their_distribution(company):
    latent, truth = company.latent, company.truth["purchases"]
    p, rate = latent["dropout_probability"], latent["purchase_rate_per_week"]
    for values, mean in ((p, truth["a"] / (truth["a"] + truth["b"])), (rate, truth["r"] / truth["alpha"])):
        assert abs(values.mean() - mean) <= 4 * values.std() / sqrt(len(values))
    assert 0.3 < latent["alive"].mean() < 0.9


def test_amounts_are_gamma_gamma(company, bought):
    p, q, gamma = (company.truth["spend"][name] for name in ("p", "q", "gamma"))
    ranked = bought.assign(rank=bought.groupby("customer_id").cumcount())
    first, second = (ranked[ranked["rank"] == n].set_index("customer_id")["amount"] for n in (0, 1))
    assert abs(first.mean() - p * gamma / (q - 1)) <= 4 * first.std() / sqrt(len(first))
    x, y = np.log(first[second.index]), np.log(second)
    within, between = polygamma(1, p), polygamma(1, q)  # variance of the log of a gamma variate
    assert np.corrcoef(x, y)[0, 1] == pytest.approx(between / (within + between), abs=4 / sqrt(len(x)))


def test_leads_close_at_their_hazards(company, t):
    truth, leads = company.truth["leads"], t["leads"]
    for days in (60, 360):
        old = leads[leads["created_at"] < company.as_of - pd.Timedelta(days=days)]
        limit = pd.Timedelta(days=days)
        for channel, group in old.groupby("channel"):
            won, lost = truth["won_per_week"][channel], truth["lost_per_week"][channel]
            closed = 1 - np.exp(-(won + lost) * days / 7)
            assert_share(group["won_at"] - group["created_at"] <= limit, won / (won + lost) * closed)
            assert_share(group["lost_at"] - group["created_at"] <= limit, lost / (won + lost) * closed)


def test_a_higher_price_loses_deals(company, t):
    quotes = t["quotes"].merge(t["leads"][["lead_id", "value"]], on="lead_id")
    x = np.log(quotes["amount"] / quotes["value"])
    won, lost = x[quotes["won_at"].notna()], x[quotes["lost_at"].notna()]
    variance = (won.var() * len(won) + lost.var() * len(lost)) / (len(won) + len(lost))
    slope = (won.mean() - lost.mean()) / variance  # of the logit, for two normals of one variance
    error = sqrt((1 / len(won) + 1 / len(lost)) / variance + 2 * slope**2 / len(x))
    assert abs(slope - company.truth["quotes"]["log_odds_slope"]) <= 4 * error


def test_salespeople_are_as_biased_as_the_truth_says(company, t):
    done = t["opportunities"].query("stage == 'close'").merge(t["quotes"][["lead_id"]], on="lead_id")
    for name, bias in company.truth["opportunities"]["bias"].items():
        own = done[done["salesperson"] == name]
        won, stated = own["won_at"].notna(), own["probability"] / bias
        error = sqrt((stated * (1 - stated)).clip(0).mean() / len(own)) + 0.005 / bias  # rounded
        if bias <= 1:  # above, 0.99 cuts the statements
            assert abs(won.mean() - stated.mean()) <= 4 * error
        else:
            assert own["probability"].mean() > won.mean()


def test_returns_and_channels(company, t):
    truth, orders = company.truth["orders"], t["orders"]
    old = orders[(orders["amount"] > 0) & (orders["order_date"] < company.as_of - pd.Timedelta(days=90))]
    back = set(orders.loc[orders["amount"] < 0, "order_id"])
    assert_share(old["order_id"].isin(back), truth["return_share"])
    age = t["customers"].set_index("customer_id")["age"]
    young = old[old["customer_id"].map(age) < 34]
    assert_share(young["channel"] == "web", truth["web_share"]["under 35"])


def test_season_is_visible(company, t, bought):
    by_month = bought.groupby([bought["order_date"].dt.year, bought["order_date"].dt.month]).size().unstack()
    assert (by_month[12] > 1.3 * by_month[8]).all()
    assert (by_month[11] > 1.2 * by_month[7]).all()
    weekday = bought[bought["order_date"] > "2022-06-30"]["order_date"].dt.day_of_week
    two = weekday[weekday.isin([0, 6])]
    # first orders of won leads come on any day
    assert 0.55 < (two == 6).sum() / (two == 0).sum() < 0.80


def test_spend_is_skewed(bought):
    revenue = bought.groupby("customer_id")["amount"].sum().sort_values(ascending=False)
    assert 0.55 < revenue.head(4_000).sum() / revenue.sum() < 0.80


def test_whale_curve(t):
    pools = t["activities"].set_index("activity")["cost"]
    drivers = t["drivers"]
    unit = pools / drivers.groupby("activity")["quantity"].sum()
    cost = (drivers["quantity"] * drivers["activity"].map(unit)).groupby(drivers["customer_id"]).sum()
    margin = (t["orders"]["amount"] - t["orders"]["cost"]).groupby(t["orders"]["customer_id"]).sum()
    profit = margin.sub(cost, fill_value=0).sort_values(ascending=False)
    assert 0.4 < (profit > 0).mean() < 0.6
    assert 1.2 < profit.cumsum().max() / profit.sum() < 2.5
    assert profit.sum() > 0.02 * t["orders"]["amount"].sum()


def test_service_contracts_end_as_beta_geometric(company, t):
    truth, contracts = company.truth["subscriptions"], t["subscriptions"]
    old = contracts[contracts["started_at"] < company.as_of - pd.Timedelta(days=400)]
    days = (old["ended_at"] - old["started_at"]).dt.days
    for months in (1, 6, 12):
        alive = np.exp(betaln(truth["alpha"], truth["beta"] + months) - betaln(truth["alpha"], truth["beta"]))
        assert_share(~(days <= months * 365.25 / 12), alive)


def test_cases_are_answered_as_fast_as_the_truth_says(company, t):
    truth = company.truth["cases"]
    old = t["cases"][t["cases"]["opened_at"] < company.as_of - pd.Timedelta(days=120)]
    assert_share(old["contacts"] == 1, truth["first_contact_resolution"])
    assert_share(old["complaint"], truth["complaints"])
    hours = (old["first_response_at"] - old["opened_at"]) / pd.Timedelta(hours=1)
    for channel, within in truth["response_within_limit"].items():
        z = np.log(truth["response_limit_hours"] / truth["median_response_hours"][channel])
        assert NormalDist().cdf(z / truth["log_response_sd"]) == pytest.approx(within, abs=1e-6)
        assert_share(hours[old["channel"] == channel] <= 24, within)
        assert_share(hours[old["channel"] == channel] <= truth["median_response_hours"][channel], 0.5)
    assert old["satisfaction"].groupby(old["contacts"]).mean()[[1, 2, 3]].is_monotonic_decreasing


def test_answers_to_surveys(company, t):
    truth, answers = company.truth["responses"], t["responses"]
    assert_share(answers["score"].isna(), truth["no_answer"])
    known = answers.dropna(subset=["score"])
    for question in ("csat", "ces"):
        for score, p in enumerate(truth[question], start=1):
            assert_share(known.loc[known["question"] == question, "score"] == score, p)
    nps = known[known["question"] == "nps"]
    complaint = t["cases"][t["cases"]["complaint"]].groupby("customer_id")["opened_at"].min()
    upset = nps["customer_id"].map(complaint) < nps["answered_at"]
    for group, name in ((nps[~upset], "nps"), (nps[upset], "nps_after_complaint")):
        assert_share(group["score"] >= 9, truth[name]["promoter"])
        assert_share(group["score"] <= 6, truth[name]["detractor"])


def test_messages_are_opened_clicked_and_answered(company, t):
    truth, messages = company.truth["campaigns"], t["messages"]
    old = messages[messages["sent_at"] < company.as_of - pd.Timedelta(days=40)]
    assert_share(old["bounced_at"].notna(), truth["bounced"])
    opened = old[old["opened_at"].notna()]
    assert_share(opened["clicked_at"].notna(), truth["clicked"])
    clicked = opened[opened["clicked_at"].notna()]
    age = clicked["customer_id"].map(t["customers"].set_index("customer_id")["age"])
    for band, group in (
        ("under 35", age < 34),
        ("35 to 54", (age > 35) & (age < 54)),
        ("55 and over", age > 55),
    ):
        assert_share(clicked.loc[group, "ordered_at"].notna(), truth["ordered"][band])
    alive = company.latent.set_index("customer_id")["alive"]
    arrived = old[old["delivered_at"].notna()]
    assert_share(arrived.loc[arrived["customer_id"].map(alive), "opened_at"].notna(), truth["opened"])


def test_baskets_are_abandoned(company, t):
    baskets = t["visits"].dropna(subset=["basket_value"])
    p = company.truth["visits"]["abandoned_baskets"]
    # geometric per order, so the ratio of the counts has the error of its mean
    orders = baskets["ordered"].sum()
    assert (~baskets["ordered"]).sum() / orders == pytest.approx(
        p / (1 - p), abs=4 * sqrt(p / (1 - p) ** 2 / orders)
    )


def test_contacts_and_invoices(company, t):
    segment = t["interactions"]["customer_id"].map(t["customers"].set_index("customer_id")["segment"])
    years = (
        ((company.as_of - t["customers"]["since"]).dt.days / 365.25).groupby(t["customers"]["segment"]).sum()
    )
    for name, rate in company.truth["interactions"]["per_year"].items():
        count = (segment == name).sum()
        assert count / years[name] == pytest.approx(rate, abs=4 * sqrt(count) / years[name] + 0.01 * rate)
    assert_share(t["invoices"]["correct"], company.truth["invoices"]["correct"])


@pytest.mark.verify
def test_maximum_likelihood_finds_bg_nbd_on_calendar_days():
    company = simulate_company(customers=50_000, random_state=3)
    orders = company.tables["orders"]
    dates = orders[(orders["amount"] > 0) & orders["campaign"].isna()].groupby("customer_id")["order_date"]
    x, first = dates.nunique().to_numpy() - 1.0, dates.min()
    t_x = ((dates.max() - first).dt.days / 7).to_numpy()
    T = ((company.as_of - first).dt.days / 7).to_numpy()

    def loss(logs):
        r, alpha, a, b = np.exp(logs)
        many = np.maximum(x, 1)
        alive = betaln(a, b + x) - (r + x) * np.log(alpha + T)
        left = np.where(x > 0, betaln(a + 1, b + many - 1) - (r + x) * np.log(alpha + t_x), -np.inf)
        same = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
        return -(same + np.logaddexp(alive, left)).mean()

    r, alpha, a, b = np.exp(minimize(loss, np.zeros(4), method="Nelder-Mead", options={"maxiter": 2000}).x)
    assert r == pytest.approx(0.8, rel=0.05)
    assert alpha == pytest.approx(8, rel=0.06)
    assert a / (a + b) == pytest.approx(0.8 / 6.8, rel=0.08)


@pytest.mark.verify
def test_speed():
    import time

    simulate_company(customers=50, random_state=1)
    before = time.process_time()
    simulate_company(customers=1_000, random_state=1)
    assert time.process_time() - before < 1
