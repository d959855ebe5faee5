"""One retention rate for all against direct sums over survival curves."""

import numpy as np
import pytest
from scipy.special import betaln

from crmkit import clv
from crmkit.errors import CRMKitError, ParameterError

SURVIVORS = [1000, 631, 468, 382, 326, 289, 262, 241]
RATE, MARGIN = 0.1, 100.0


def fitted(kind=clv.ShiftedBetaGeometric, unit="year", survivors=SURVIVORS):
    return kind(unit=unit).fit_survivors({"period": range(len(survivors)), "survivors": survivors})


def direct(model, renewed, delta):
    """The margins to come, added up one by one."""
    alpha, beta, c = [*model.params_.values(), 1.0][:3]

    def log_survival(t):
        return betaln(alpha, beta + t**c) - betaln(alpha, beta)

    t = np.arange(1.0, 6000)
    return MARGIN * np.exp(log_survival(renewed + t) - log_survival(float(renewed)) - delta * t).sum()


@pytest.mark.parametrize("kind", [clv.ShiftedBetaGeometric, clv.BetaDiscreteWeibull])
@pytest.mark.parametrize(("unit", "share"), [("year", 1.0), ("quarter", 0.25)])
def test_values_are_direct_sums(kind, unit, share):
    model = fitted(kind, unit)
    table = clv.constant_retention_error(model, margin=MARGIN, annual_rate=RATE)
    delta = np.log1p(RATE) * share
    expected = [direct(model, renewed, delta) for renewed in range(8)]
    assert table["value"].to_numpy() == pytest.approx(expected, rel=1e-9)
    assert table["renewed"].tolist() == list(range(8))


def test_the_constant_is_the_margin_multiple_of_all_renewals():
    table = clv.constant_retention_error(fitted(), margin=MARGIN, annual_rate=RATE)
    retained = sum(SURVIVORS[1:]) / sum(SURVIVORS[:-1])
    assert table["constant_value"].to_numpy() == pytest.approx(100 * retained / (1.1 - retained), rel=1e-12)
    assert table["customers"].tolist() == SURVIVORS
    assert table["error"].to_numpy() == pytest.approx(table["constant_value"] - table["value"])
    assert table["error_total"].to_numpy() == pytest.approx(table["error"] * SURVIVORS)


def test_a_rate_of_the_first_renewal_underrates_the_loyal_most():
    table = clv.constant_retention_error(fitted(), margin=MARGIN, annual_rate=RATE, retention=0.631)
    assert table["constant_value"].iloc[0] == pytest.approx(100 * 0.631 / (1.1 - 0.631))
    assert table["error"].is_monotonic_decreasing
    assert table["error"].iloc[-1] < 0
    generous = clv.constant_retention_error(fitted(), margin=MARGIN, annual_rate=RATE, retention=1)
    assert generous["constant_value"].iloc[0] == pytest.approx(1000)
    assert (generous["error"] > 0).all()


def test_margins_scale_and_a_loss_stays_a_loss():
    one = clv.constant_retention_error(fitted(), margin=1, annual_rate=RATE)
    loss = clv.constant_retention_error(fitted(), margin=-3, annual_rate=RATE)
    for name in ("value", "constant_value", "error", "error_total"):
        assert loss[name].to_numpy() == pytest.approx(-3 * one[name].to_numpy())


def test_customers_who_are_alike_leave_no_error():
    alike = [round(1e7 * 0.8**t) for t in range(6)]
    with pytest.warns(UserWarning, match="boundary"):
        model = fitted(survivors=alike)
    table = clv.constant_retention_error(model, margin=MARGIN, annual_rate=RATE)
    assert table["error"].to_numpy() == pytest.approx(0, abs=0.05)


def test_bad_input():
    model = fitted()
    for wrong in ({"margin": None}, {"annual_rate": 0}, {"retention": 1.2}, {"retention": "high"}):
        with pytest.raises(ParameterError, match=f"`{next(iter(wrong))}` must be"):
            clv.constant_retention_error(model, **({"margin": 1, "annual_rate": RATE} | wrong))
    with pytest.raises(ParameterError, match="length of a contract period"):
        clv.constant_retention_error(fitted(unit=None), margin=1, annual_rate=RATE)
    with pytest.raises(CRMKitError, match="must be fitted"):
        clv.constant_retention_error(clv.ShiftedBetaGeometric(unit="year"), margin=1, annual_rate=RATE)
    for wrong in (None, clv.ParetoNBD()):
        with pytest.raises(ParameterError, match="`model` must be a fitted ShiftedBetaGeometric"):
            clv.constant_retention_error(wrong, margin=1, annual_rate=RATE)
