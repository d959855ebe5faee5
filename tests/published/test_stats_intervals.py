"""Golden numbers of the reference, §1 and §3 (net promoter score, competing outcomes), and of R."""

import pytest

from crmkit.stats import cumulative_incidence, nps_interval, poisson_interval, proportion, restricted_mean


def test_net_promoter_score_of_fifty_thirty_twenty():
    score = nps_interval(50, 30, 20)
    assert f"{float(score):.0f} ± {(score.upper - score.lower) / 2:.1f}" == "30 ± 15.3"


def test_promoters_only_still_have_an_interval():
    score = nps_interval(25, 0, 0)
    assert float(score) == 100
    assert score.lower < score.upper


def test_a_quarter_of_a_thousand_leads():
    assert float(proportion(250, 1000)) == 0.25


def test_four_lost_then_one_won_is_twenty_percent_won():
    curve = cumulative_incidence([1, 2, 3, 4, 5], ["lost", "lost", "lost", "lost", "won"])
    assert round(curve.loc[curve["event"] == "won", "incidence"].iloc[-1], 12) == 0.2


# Survival of leukaemia patients with and without maintenance chemotherapy (Miller, 1981), R's survival::aml:
# weeks to the relapse, a minus where the patient was still well.
AML = {
    "maintained": [9, 13, -13, 18, 23, -28, 31, 34, -45, 48, -161],
    "not maintained": [5, 5, 8, 8, 12, -16, 23, 27, 30, 33, 43, 45],
}


@pytest.mark.parametrize(
    ("group", "printed", "errors"),
    [
        (
            "maintained",
            [0.9091, 0.8182, 0.7159, 0.6136, 0.4909, 0.3682, 0.1841],
            [0.0867, 0.1163, 0.1397, 0.1526, 0.1642, 0.1627, 0.1535],
        ),
        (
            "not maintained",
            [0.8333, 0.6667, 0.5833, 0.4861, 0.3889, 0.2917, 0.1944, 0.0972, 0.0],
            [0.1076, 0.1361, 0.1423, 0.1481, 0.1470, 0.1387, 0.1219, 0.0919],
        ),
    ],
)
def test_without_competing_outcomes_the_rest_is_kaplan_meier(group, printed, errors):
    """What summary(survfit(Surv(time, status) ~ x, aml)) prints: survival and Greenwood's errors."""
    weeks = AML[group]
    curve = cumulative_incidence([abs(week) for week in weeks], [week > 0 for week in weeks])
    curve = curve[curve["n_event"] > 0]
    assert (1 - curve["incidence"]).round(4).tolist() == printed
    assert curve["std_error"].round(4).tolist()[: len(errors)] == errors


@pytest.mark.parametrize(
    ("group", "mean", "error"), [("maintained", 52.6, 19.83), ("not maintained", 22.7, 4.18)]
)
def test_restricted_means_of_survfit(group, mean, error):
    """print(survfit(…), rmean = 161)."""
    weeks = AML[group]
    found = restricted_mean([abs(week) for week in weeks], [week > 0 for week in weeks], horizon=161)
    assert round(float(found), 1) == mean
    assert round((found.upper - found.lower) / 2 / 1.959964, 2) == error


@pytest.mark.parametrize(
    ("count", "exposure", "printed"),
    [(137, 24.19893, (4.753125, 6.692709)), (10, 1, (4.795389, 18.390356))],
)
def test_poisson_interval_of_r(count, exposure, printed):
    """poisson.test(): the first is the example of its manual, childhood leukaemia."""
    found = poisson_interval(count, exposure=exposure)
    assert (round(found.lower, 6), round(found.upper, 6)) == printed
