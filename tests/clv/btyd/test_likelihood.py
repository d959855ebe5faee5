import numpy as np
import pytest
from scipy.special import gammaln

from crmkit.clv.btyd import _beta_geo, _pareto
from crmkit.clv.btyd._design import lay_out, to_raw
from crmkit.clv.btyd._likelihood import Design, Effect, Likelihood
from crmkit.clv.btyd.covariates import Coding

PARETO = {"purchase": [("alpha", -1, "purchase")], "dropout": [("beta", -1, "dropout")]}
TIED = {"purchase": [("alpha", -1, "purchase")], "dropout": [("a", 1, "dropout"), ("b", 1, "dropout")]}
FREE = {**TIED, "dropout": [("a", 1, "dropout_a"), ("b", 1, "dropout_b")]}
CASES = {
    "pareto": (_pareto, PARETO, False, 0.0),
    "pareto equal": (_pareto, PARETO, True, 0.0),
    "pareto penalty": (_pareto, PARETO, False, 2.5),
    "tied": (_beta_geo, TIED, False, 0.0),
    "untied": (_beta_geo, FREE, False, 0.7),
    "tied equal": (_beta_geo, TIED, True, 0.3),
}


def build(simulate, case, n=300):
    formulas, acting, equal, penalty = CASES[case]
    rng = np.random.default_rng(2)
    frame = simulate.pareto(rng, n, 0.6, 8.0, 0.7, 12.0, rng.integers(20, 40, n))
    frame["u"], frame["v"] = rng.normal(size=n), rng.integers(0, 2, n).astype(float)
    codings = {"purchase": Coding((("u",), ("v",)), {}), "dropout": Coding((("v",),), {})}
    layout = lay_out(formulas.NAMES, acting, codings, equal=equal, penalty=penalty)
    data = [frame[name].to_numpy() for name in ("frequency", "recency", "T")]
    weight = rng.integers(1, 4, n).astype(float)
    likelihood = Likelihood(formulas.likelihood, data, weight, layout.design, layout.matrix(frame))
    point = np.concatenate([np.log([0.7, 7.0, 0.8, 5.0]), rng.normal(0, 0.2, len(layout.names))])
    return likelihood, layout, point, frame


@pytest.mark.parametrize("case", CASES)
def test_derivatives_are_those_of_central_differences(simulate, case):
    likelihood, _, point, _ = build(simulate, case)
    _, gradient, hessian = likelihood(point)
    assert gradient.shape == point.shape
    assert hessian.shape == (len(point), len(point))
    step = 1e-5
    for place, one in enumerate(np.eye(len(point)) * step):
        up, down = likelihood(point + one), likelihood(point - one)
        assert gradient[place] == pytest.approx((up[0] - down[0]) / (2 * step), rel=1e-5, abs=1e-4)
        assert hessian[place] == pytest.approx((up[1] - down[1]) / (2 * step), rel=1e-5, abs=1e-3)


def test_names_of_coefficients(simulate):
    named = {case: build(simulate, case)[1].names for case in CASES}
    assert named["pareto"] == ("purchase:u", "purchase:v", "dropout:v")
    assert named["pareto equal"] == ("u", "v")
    assert named["tied"] == ("purchase:u", "purchase:v", "dropout:v")
    assert named["untied"] == ("purchase:u", "purchase:v", "dropout_a:v", "dropout_b:v")
    assert named["tied equal"] == ("u", "v")


def test_value_is_that_of_parameters_of_each_row(simulate):
    """A model whose likelihood is one gamma-Poisson count: ln of the negative binomial probability."""

    def counted(params, x, t_x, T, *, order=2):
        r, alpha = params
        value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + T)
        return value, np.zeros((2, len(x))), np.zeros((2, 2, len(x)))

    _, _, _, frame = build(simulate, "pareto")
    data = [frame[name].to_numpy() for name in ("frequency", "recency", "T")]
    weight, z = np.arange(len(frame)) % 3.0, frame[["u"]].to_numpy()
    likelihood = Likelihood(counted, data, weight, Design(2, (Effect(1, 0, -1, 0),), 1), z)
    value = likelihood(np.array([np.log(0.7), np.log(6.0), 0.4]))[0]
    total = 0.0
    for row, times in zip(frame.itertuples(), weight, strict=True):
        alpha, r = 6.0 * np.exp(-0.4 * row.u), 0.7
        each = gammaln(r + row.frequency) - gammaln(r)
        total += times * (each + r * np.log(alpha) - (r + row.frequency) * np.log(alpha + row.T))
    assert value == pytest.approx(total, rel=1e-12)
    assert likelihood.size == weight.sum()


def test_penalty_is_half_the_squares_of_the_coefficients(simulate):
    likelihood, layout, point, _ = build(simulate, "pareto")
    design = Design(4, layout.design.effects, layout.design.coefficients, 2.0)
    held = Likelihood(likelihood.formula, likelihood.data, likelihood.weight, design, likelihood.covariates)
    assert likelihood(point)[0] - held(point)[0] == pytest.approx((point[4:] ** 2).sum())


@pytest.mark.parametrize("case", CASES)
def test_chunks_add_up(simulate, case, monkeypatch):
    likelihood, _, point, _ = build(simulate, case)
    whole = likelihood(point)
    monkeypatch.setattr("crmkit.clv.btyd._likelihood._CHUNK", 37)
    for one, other in zip(likelihood(point), whole, strict=True):
        assert np.allclose(one, other, rtol=1e-10)


def test_standardised_coefficients_go_back_to_raw(simulate):
    _, layout, point, frame = build(simulate, "untied")
    z = layout.matrix(frame)
    mean, deviation = z.mean(axis=0), z.std(axis=0)
    change = to_raw(layout.design, mean, deviation)
    raw = change @ point
    standard = layout.design.params(point, (z - mean) / deviation)
    for one, other in zip(standard, layout.design.params(raw, z), strict=True):
        assert np.allclose(one, other, rtol=1e-12)


def test_parameters_without_covariates_stay_numbers():
    params = Design(2, (Effect(1, 0, -1, 0),), 1).params(np.array([0.0, 1.0, 2.0]), np.ones((3, 1)))
    assert params[0] == 1.0
    assert isinstance(params[0], float)
    assert params[1].tolist() == pytest.approx([np.exp(-1.0)] * 3)
