"""The contract models on the two cohorts of Fader and Hardie (2007): estimates, likelihoods, projections."""

import pytest

from crmkit import clv

REGULAR = (1000, 631, 468, 382, 326, 289, 262, 241)
HIGH_END = (1000, 869, 743, 653, 593, 551, 517, 491)


def cohort(survivors):
    return {"period": range(len(survivors)), "survivors": survivors}


@pytest.mark.parametrize(
    ("survivors", "alpha", "beta", "log_likelihood"),
    [(REGULAR, 0.704, 1.182, -1680.27), (HIGH_END, 0.668, 3.806, -1611.16)],
    ids=["regular", "high end"],
)
def test_shifted_beta_geometric(survivors, alpha, beta, log_likelihood):
    model = clv.ShiftedBetaGeometric().fit_survivors(cohort(survivors))
    assert {name: round(value, 3) for name, value in model.params_.items()} == {"alpha": alpha, "beta": beta}
    assert round(model.log_likelihood_, 2) == log_likelihood
    assert model.boundary_ is None


def test_beta_discrete_weibull_of_the_high_end():
    """Fader et al. (2018) fit four renewals; the maximum lies at 1.7226."""
    model = clv.BetaDiscreteWeibull().fit_survivors(cohort(HIGH_END[:5]))
    assert list(model.params_.values()) == pytest.approx([0.259, 1.722, 1.584], abs=1.5e-3)
    # Year 12: 39.4 % of the customers were left. The model without duration dependence misses that by far.
    later = model.retention_curve(periods=[12])["survival"].item()
    simple = clv.ShiftedBetaGeometric().fit_survivors(cohort(HIGH_END[:5])).retention_curve(periods=[12])
    assert abs(later - 0.394) < 0.01 < 0.05 < abs(simple["survival"].item() - 0.394)


@pytest.mark.parametrize(
    ("survivors", "printed"),
    [(REGULAR, [0.46, 0.78, 1.28]), (HIGH_END, [0.21, 1.43, 1.72])],
    ids=["regular", "high end"],
)
def test_beta_discrete_weibull_of_seven_renewals(survivors, printed):
    found = clv.BetaDiscreteWeibull().fit_survivors(cohort(survivors))
    assert [round(value, 2) for value in found.params_.values()] == printed


def test_cohorts_of_five_years():
    """Fader and Hardie, "Fitting the sBG model to multi-cohort data": α 3.80, β 15.19."""
    sizes = [10_000, 8_000, 6_480, 5_307, 4_391]
    rows = [(year, period, sizes[period]) for year in range(4) for period in range(5 - year)]
    cohorts = dict(zip(("cohort", "period", "survivors"), zip(*rows, strict=True), strict=True))
    model = clv.ShiftedBetaGeometric(unit="year").fit_survivors(cohorts)
    assert {name: round(value, 2) for name, value in model.params_.items()} == {"alpha": 3.80, "beta": 15.19}


@pytest.mark.parametrize(
    ("survivors", "later"),
    [(REGULAR, [0.223, 0.207, 0.194, 0.183, 0.173]), (HIGH_END, [0.468, 0.445, 0.427, 0.409, 0.394])],
    ids=["regular", "high end"],
)
def test_the_five_years_after(survivors, later):
    """What became of the cohorts of 2007 in years 8 to 12: projected within two points."""
    model = clv.ShiftedBetaGeometric().fit_survivors(cohort(survivors))
    projected = model.retention_curve(periods=range(8, 13))["survival"]
    assert projected.tolist() == pytest.approx(later, abs=0.02)
