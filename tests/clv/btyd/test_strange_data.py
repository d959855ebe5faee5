"""Small and wild data sets of the models beside BG/NBD and Pareto/NBD: no fit ends below the truth.

The likelihoods are written from the papers, row by row, and share nothing with the models.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import betaln, gammaln, logsumexp

from crmkit import clv
from crmkit.errors import ConvergenceError, CRMKitWarning

SIZES = [5, 10, 20, 20, 50, 200, 1000]
REASONS = ("a repeat purchase must be in the data", "The likelihood has no maximum, since")


def regular_truth(params, k, x, t_x, T):
    """MBG/CNBD-k; the density of t_x is Gamma(kx, λ), over Γ(x)/t_x^(x−1) as the model has it."""
    (r, alpha, a, b), N, bought = params, k * x, x > 0
    log_t = np.log(np.where(bought, t_x, 1))
    last = np.where(bought, (N - x) * log_t + gammaln(np.maximum(x, 1)) - gammaln(np.maximum(N, 1)), 0)
    gone = betaln(a + 1, b + x) + gammaln(r + N) - (r + N) * np.log(alpha + t_x)
    with np.errstate(divide="ignore"):
        silent = [
            gammaln(r + N + j)
            - (r + N + j) * np.log(alpha + T)
            + (j * np.log(T - t_x) if j else 0)
            - gammaln(j + 1)
            for j in range(k)
        ]
    stays = betaln(a, b + x + 1) + logsumexp(np.stack(silent), axis=0)
    return (last + r * np.log(alpha) - gammaln(r) - betaln(a, b) + np.logaddexp(gone, stays)).sum()


def opportunities_truth(params, x, t_x, n):
    """Equation 5 of Fader, Hardie and Shang (2010), its sum as it stands."""
    alpha, beta, gamma, delta = params
    total = 0.0
    for bought, last, seen in zip(x, t_x, n, strict=True):
        ends = last + np.arange(seen - last)
        left = betaln(alpha + bought, beta + ends - bought) + betaln(gamma + 1, delta + ends)
        here = betaln(alpha + bought, beta + seen - bought) + betaln(gamma, delta + seen)
        total += logsumexp([*left, here]) - betaln(alpha, beta) - betaln(gamma, delta)
    return total


def contract_truth(params, tenure, churned):
    alpha, beta, c = (*params, 1.0)[:3]
    stayed, before = (betaln(alpha, beta + t**c) - betaln(alpha, beta) for t in (tenure, tenure - 1))
    with np.errstate(divide="ignore"):
        return np.where(churned, before + np.log(-np.expm1(np.minimum(stayed - before, 0))), stayed).sum()


def regular(simulate, rng, n):
    k = int(rng.integers(1, 6))
    params = np.exp(rng.normal(0, 1.2, 4)) * [2, 2 * k, 0.5, 2]
    T = [np.full(n, 30.0), rng.uniform(5, 40, n)][rng.integers(2)]
    frame = simulate.regular(rng, n, *params, T, k=k)
    data = frame.to_numpy().T
    model = clv.ModifiedBetaGeoCNBD(k=k).fit(frame)
    scores = model.expected_purchases(frame, horizon=20, confidence=0.9)
    return model, params, lambda point: regular_truth(point, k, *data), scores


def opportunities(simulate, rng, n):
    params = np.exp(rng.normal(0, 1.2, 4))
    frame = simulate.beta_binomial(rng, n, *params, int(rng.choice([2, 4, 6, 12, 40])))
    data = frame.to_numpy().T
    model = clv.BetaGeoBetaBinomial().fit(frame)
    scores = model.expected_purchases(frame, horizon=10, confidence=0.9)
    return model, params, lambda point: opportunities_truth(point, *data), scores


def contracts(_, rng, n, kind):
    params = np.exp(rng.normal(0, 1.2, 2)).tolist()
    c = float(np.exp(rng.normal(0, 0.5))) if kind is clv.BetaDiscreteWeibull else 1.0
    churn = np.clip(rng.beta(*params, n), 1e-12, 1 - 1e-12)
    life = np.maximum(np.ceil((rng.exponential(1, n) / -np.log1p(-churn)) ** (1 / c)), 1)
    seen = rng.integers(1, 13, n)
    tenure, churned = np.minimum(life, seen), life <= seen
    model = kind(unit="year").fit({"tenure": tenure, "churned": churned})
    params += [c] * (kind is clv.BetaDiscreteWeibull)
    scores = model.discounted_residual_lifetime(
        pd.DataFrame({"tenure": tenure}), annual_rate=0.1, confidence=0.9
    )
    return model, params, lambda point: contract_truth(point, tenure, churned), scores


KINDS = {
    "MBG/CNBD-k": regular,
    "BG/BB": opportunities,
    "sBG": lambda *given: contracts(*given, clv.ShiftedBetaGeometric),
    "BdW": lambda *given: contracts(*given, clv.BetaDiscreteWeibull),
}


def ends_well(simulate, kind, seeds):
    counts = dict.fromkeys(("interior", "boundary", "refused"), 0)
    for seed in seeds:
        rng = np.random.default_rng([seed, len(kind)])
        n = int(rng.choice(SIZES))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CRMKitWarning)
                model, params, truth, scores = KINDS[kind](simulate, rng, n)
        except ConvergenceError as error:
            if not any(reason in str(error) for reason in REASONS):
                raise
            counts["refused"] += 1
            continue
        least = truth(params)
        assert model.log_likelihood_ >= least - 1e-6 * abs(least) - 1e-6, (kind, seed, params)
        own = truth(tuple(model.params_.values()))
        assert own == pytest.approx(model.log_likelihood_, rel=1e-5, abs=1e-4), (kind, seed)
        errors = list(model.standard_errors_.values())
        assert np.isnan(errors).all() if model.boundary_ else np.isfinite(errors).all(), (kind, seed)
        low, high = (scores.filter(regex=f"_{end}$").iloc[:, 0] for end in ("lower", "upper"))
        estimate = scores[low.name.removesuffix("_lower")]
        assert (np.isfinite(estimate) & (estimate >= 0)).all(), (kind, seed)
        inside = (low <= estimate * (1 + 1e-12)) & (estimate <= high * (1 + 1e-12))
        assert model.boundary_ or inside.all(), (kind, seed)
        counts["boundary" if model.boundary_ else "interior"] += 1
    return counts


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_strange_data_sets_end_well(simulate, kind):
    counts = ends_well(simulate, kind, range(12))
    assert counts["interior"] > 0
    assert counts["boundary"] > 0


@pytest.mark.verify
@pytest.mark.parametrize("kind", KINDS)
def test_strange_data_sets_end_well(simulate, kind):
    counts = ends_well(simulate, kind, range(500))
    assert sum(counts.values()) == 500
    assert counts["refused"] < 150
