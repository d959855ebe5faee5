"""Golden numbers of the reference, §1 and §3: net promoter score, competing outcomes."""

from crmkit.stats import cumulative_incidence, nps_interval, proportion


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
