"""Long simulations: how often intervals hold the truth, and whether any fit ends below it."""

import warnings

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import betaln, gammaln, hyp2f1, logsumexp, roots_genlaguerre, roots_jacobi

from crmkit import clv
from crmkit.errors import ConvergenceError, CRMKitWarning

REPLICATIONS = 6000  # an error of chance of half a point, so that two points mean something
CUSTOMERS = 2000
WEEKS = 26.0
PARETO = (0.8, 8.0, 0.8, 12.0)
BETA_GEO = (0.8, 6.0, 0.9, 2.5)
HISTORIES = {
    "frequency": np.array([0.0, 1.0, 3.0, 8.0]),
    "recency": np.array([0.0, 20.0, 30.0, 44.0]),
    "T": np.full(4, 45.0),
}


def pareto_expects(params, t):
    """Average over the time of death, by quadrature."""
    r, alpha, s, beta = params
    found = []
    for x, t_x, T in zip(*HISTORIES.values(), strict=True):
        stayed = (beta / (beta + T)) ** s * (alpha + T) ** -(r + x)

        def died(y, x=x):
            return s * beta**s * (beta + y) ** -(s + 1) * (alpha + y) ** -(r + x)

        alive = stayed / (stayed + quad(died, t_x, T, epsabs=0, epsrel=1e-10)[0])
        lives = quad(lambda u, T=T: ((beta + T) / (beta + T + u)) ** s, 0, t)[0]
        found.append(alive * (r + x) / (alpha + T) * lives)
    return np.array(found)


def beta_geo_expects(params, t):
    """Average over λ and p, by Gauss quadrature."""
    r, alpha, a, b = params
    p, share = roots_jacobi(100, b - 1, a - 1)
    p = (p + 1) / 2
    found = []
    for x, t_x, T in zip(*HISTORIES.values(), strict=True):
        nodes, mass = roots_genlaguerre(100, r + x - 1)
        lam, leave = np.meshgrid(nodes / (alpha + T), p, indexing="ij")
        weight = np.outer(mass, share) * (1 - leave) ** x
        left = leave / (1 - leave) * np.exp(lam * (T - t_x)) if x else 0 * lam
        found.append((weight * -np.expm1(-lam * leave * t) / leave).sum() / (weight * (1 + left)).sum())
    return np.array(found)


@pytest.mark.verify
@pytest.mark.parametrize("kind", ["BetaGeoNBD", "ParetoNBD"])
def test_intervals_cover_as_often_as_they_say(simulate, kind):
    truth = np.array(PARETO if kind == "ParetoNBD" else BETA_GEO)
    expects = pareto_expects if kind == "ParetoNBD" else beta_geo_expects
    draw = simulate.pareto if kind == "ParetoNBD" else simulate.beta_geo
    future = expects(truth, WEEKS)
    rng = np.random.default_rng(2026)
    ages = rng.integers(30, 60, CUSTOMERS)
    held = {one: [] for one in (0.8, 0.95)}
    for _ in range(REPLICATIONS):
        with warnings.catch_warnings():
            warnings.simplefilter("error", CRMKitWarning)
            model = getattr(clv, kind)().fit(draw(rng, CUSTOMERS, *truth, ages))
        histories = _frame(HISTORIES)
        for coverage, rows in held.items():
            table = model.confidence_intervals(confidence=coverage)
            found = model.expected_purchases(histories, horizon=WEEKS, confidence=coverage)
            inside = (table["lower"] <= truth) & (truth <= table["upper"])
            lower, upper = found["expected_purchases_lower"], found["expected_purchases_upper"]
            rows.append([*inside, *((lower <= future) & (future <= upper))])
    for coverage, rows in held.items():
        shares = np.mean(rows, axis=0)
        assert np.abs(shares - coverage).max() < 0.02, (coverage, shares)


def _frame(columns):
    import pandas as pd

    return pd.DataFrame(columns)


def bought(r, alpha, x, t):
    """ln Γ(r+x)/Γ(r) α^r/(α+t)^(r+x), where r and α may be so large that gamma functions would cancel."""
    rises = np.array([np.log(r + np.arange(one)).sum() for one in x])
    return rises - r * np.log1p(t / alpha) - x * np.log(alpha + t)


def beta_geo_truth(params, x, t_x, T):
    """Log-likelihood of the story: stay after all purchases, or leave at the last."""
    r, alpha, a, b = params
    stays = betaln(a, b + x) + bought(r, alpha, x, T)
    left = betaln(a + 1, b + np.maximum(x, 1) - 1) + bought(r, alpha, x, t_x)
    return (np.logaddexp(stays, np.where(x > 0, left, -np.inf)) - betaln(a, b)).sum()


def modified_truth(params, x, t_x, T):
    r, alpha, a, b = params
    stays = betaln(a, b + x + 1) + bought(r, alpha, x, T)
    left = betaln(a + 1, b + x) + bought(r, alpha, x, t_x)
    return (np.logaddexp(stays, left) - betaln(a, b)).sum()


def pareto_truth(params, x, t_x, T):
    """Equation 2 of Fader and Hardie's note on the Pareto/NBD, over the time of death by quadrature."""
    r, alpha, s, beta = params
    nodes, weights = np.polynomial.legendre.leggauss(200)
    low, high = np.log(min(alpha, beta) + t_x), np.log(min(alpha, beta) + T)
    v = low[:, None] + (high - low)[:, None] * (nodes + 1) / 2
    y = np.exp(v) - min(alpha, beta)
    with np.errstate(divide="ignore"):
        logs = np.log((high - low)[:, None] * weights / 2) + v
    died = logs + np.log(s) + s * np.log(beta) - (s + 1) * np.log(beta + y)
    died = logsumexp(died - (r + x)[:, None] * np.log(alpha + y), axis=1)
    stayed = s * np.log(beta / (beta + T)) - (r + x) * np.log(alpha + T)
    return (gammaln(r + x) - gammaln(r) + r * np.log(alpha) + np.logaddexp(stayed, died)).sum()


TRUTHS = {
    "BetaGeoNBD": beta_geo_truth,
    "ModifiedBetaGeoNBD": modified_truth,
    "ParetoNBD": pareto_truth,
}


def strange_data(simulate, kind, seed):
    """Make a data set of 5 to 3 000 customers with wild parameters, whole or unrounded weeks."""
    rng = np.random.default_rng([seed, len(kind)])
    n = int(rng.choice([5, 10, 20, 50, 200, 1000, 3000]))
    params = np.exp(rng.normal(0, 1.2, 4)) * [1, 5, 1, 10 if kind == "ParetoNBD" else 1]
    T = [np.full(n, 30.0), rng.uniform(5, 40, n), rng.integers(1, 40, n).astype(float)][rng.integers(3)]
    if kind == "ParetoNBD":
        frame = simulate.pareto(rng, n, *params, T)
    else:
        frame = simulate.beta_geo(rng, n, *params, T, at_first=kind != "BetaGeoNBD")
    if rng.random() < 0.3:
        whole = np.clip(np.ceil(frame["recency"]), 1e-3, frame["T"])
        frame["recency"] = np.where(frame["frequency"] > 0, whole, 0.0)
    return frame, tuple(params.tolist())


def ends_well(simulate, kind, seeds):
    counts = dict.fromkeys(("interior", "boundary", "refused"), 0)
    for seed in seeds:
        frame, params = strange_data(simulate, kind, seed)
        data = frame.to_numpy().T
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CRMKitWarning)
            if not frame["frequency"].any():
                with pytest.raises(ConvergenceError, match="with 0 repeat purchases"):
                    getattr(clv, kind)().fit(frame)
                counts["refused"] += 1
                continue
            model = getattr(clv, kind)().fit(frame)
        truth = TRUTHS[kind](params, *data)
        assert model.log_likelihood_ >= truth - 1e-6 * abs(truth) - 1e-6, (kind, seed, params)
        own = TRUTHS[kind](tuple(model.params_.values()), *data)
        assert abs(own - model.log_likelihood_) <= 1e-5 * abs(own) + 1e-4, (kind, seed)
        errors = list(model.standard_errors_.values())
        assert np.isnan(errors).all() if model.boundary_ else np.isfinite(errors).all(), (kind, seed)
        counts["boundary" if model.boundary_ else "interior"] += 1
        found = model.expected_purchases(frame, horizon=20)["expected_purchases"]
        assert np.isfinite(found).all(), (kind, seed)
        assert (found >= 0).all(), (kind, seed)
    return counts


@pytest.mark.parametrize("kind", TRUTHS)
def test_a_few_strange_data_sets_end_well(simulate, kind):
    counts = ends_well(simulate, kind, range(12))
    assert counts["interior"] > 0
    assert counts["boundary"] > 0


@pytest.mark.verify
@pytest.mark.parametrize("kind", TRUTHS)
def test_strange_data_sets_end_well(simulate, kind):
    counts = ends_well(simulate, kind, range(500))
    assert sum(counts.values()) == 500
    assert counts["refused"] < 60


def not_below_lifetimes(simulate, kind, seeds):
    """Judge both answers by the likelihood above; also return how often lifetimes found none."""
    failed = 0
    for seed in seeds:
        frame, _ = strange_data(simulate, kind, seed)
        if not frame["frequency"].any():
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CRMKitWarning)
            mine = getattr(clv, kind)().fit(frame)
            try:
                theirs = getattr(clv, kind)().fit(frame, engine="lifetimes")
            except ConvergenceError:
                failed += 1
                continue
        found = TRUTHS[kind](tuple(theirs.params_.values()), *frame.to_numpy().T)
        if np.isfinite(found):  # lifetimes may stop where a parameter is no number any more
            assert mine.log_likelihood_ >= found - 1e-6 * abs(found) - 1e-6, (kind, seed)
    return failed


@pytest.mark.parametrize("kind", TRUTHS)
def test_a_few_fits_are_not_below_those_of_lifetimes(simulate, kind):
    strange = [228, 302, 363]  # five customers of whom some leave at once; nobody leaves; r beyond 1e10
    not_below_lifetimes(simulate, kind, [*range(4), *strange])


@pytest.mark.verify
@pytest.mark.parametrize("kind", TRUTHS)
def test_fits_are_not_below_those_of_lifetimes(simulate, kind):
    assert not_below_lifetimes(simulate, kind, range(500)) < 300  # the rest is what is compared


def test_the_oracles_agree_with_closed_forms():
    """Pareto's integral by Gauss rule against the paper's hypergeometric form, at one customer."""
    r, alpha, s, beta = PARETO
    x, t_x, T = (np.array([one]) for one in (3.0, 20.0, 45.0))

    def part(t):
        z = (alpha - beta) / (alpha + t) if alpha > beta else (beta - alpha) / (beta + t)
        second, base = (s + 1, alpha) if alpha >= beta else (r + 3, beta)
        return hyp2f1(r + s + 3, second, r + s + 4, z) / (base + t) ** (r + s + 3)

    front = np.exp(gammaln(r + 3) - gammaln(r)) * alpha**r * beta**s
    died = s / (r + s + 3) * (part(20.0) - part(45.0))
    direct = np.log(front * (died + 1 / ((alpha + 45) ** (r + 3) * (beta + 45) ** s)))
    assert pareto_truth(PARETO, x, t_x, T) == pytest.approx(direct, rel=1e-10)
