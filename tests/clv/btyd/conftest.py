"""Simulate customers as the papers tell the story, purchase by purchase; nothing here imports a model."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest


def _frame(x, t_x, T):
    T = np.broadcast_to(np.asarray(T, dtype=float), np.shape(x)).copy()
    return pd.DataFrame({"frequency": np.asarray(x, dtype=float), "recency": t_x, "T": T})


def _buy(rng, rate, leave, T, *, at_first, shape=1):
    """Let customers buy at Erlang gaps till T, and leave with their own chance after a purchase."""
    n = len(rate)
    x, t_x, clock = np.zeros(n), np.zeros(n), np.zeros(n)
    active = rng.random(n) >= leave if at_first else np.ones(n, dtype=bool)
    while active.any():
        clock = clock + rng.gamma(shape, 1, n) / np.maximum(rate, 1e-12)
        active = active & (clock <= T)
        x, t_x = x + active, np.where(active, clock, t_x)
        active = active & (rng.random(n) >= leave)
    return x, t_x


def beta_geo(rng, n, r, alpha, a, b, T, *, at_first=False):
    T = np.broadcast_to(np.asarray(T, dtype=float), n)
    rate, leave = rng.gamma(r, 1, n) / alpha, rng.beta(a, b, n)
    return _frame(*_buy(rng, rate, leave, T, at_first=at_first), T)


def regular(rng, n, r, alpha, a, b, T, *, k):
    T = np.broadcast_to(np.asarray(T, dtype=float), n)
    rate, leave = rng.gamma(r, 1, n) / alpha, rng.beta(a, b, n)
    return _frame(*_buy(rng, rate, leave, T, at_first=True, shape=k), T)


def pareto(rng, n, r, alpha, s, beta, T):
    T = np.broadcast_to(np.asarray(T, dtype=float), n)
    rate, mortality = rng.gamma(r, 1, n) / alpha, rng.gamma(s, 1, n) / beta
    end = np.minimum(rng.exponential(1, n) / np.maximum(mortality, 1e-300), T)
    x = rng.poisson(rate * end)
    last = end * rng.random(n) ** (1 / np.maximum(x, 1))  # the latest of x uniform times
    return _frame(x, np.where(x > 0, last, 0.0), T)


def beta_binomial(rng, n, alpha, beta, gamma, delta, periods):
    p, leave = rng.beta(alpha, beta, n), rng.beta(gamma, delta, n)
    alive, x, t_x = np.ones(n, dtype=bool), np.zeros(n), np.zeros(n)
    for period in range(1, periods + 1):
        alive = alive & (rng.random(n) >= leave)
        bought = alive & (rng.random(n) < p)
        x, t_x = x + bought, np.where(bought, period, t_x)
    return pd.DataFrame({"frequency": x, "recency": t_x, "n_periods": float(periods)})


@pytest.fixture(scope="session")
def simulate():
    return SimpleNamespace(beta_geo=beta_geo, regular=regular, pareto=pareto, beta_binomial=beta_binomial)


@pytest.fixture(scope="session")
def customers():
    """Customers with covariates and an index of their own, whose true process is Pareto/NBD."""
    rng = np.random.default_rng(7)
    n = 1200
    age, channel = rng.normal(40, 10, n).round(), rng.choice(["shop", "web", "phone"], n)
    alpha = 8 * np.exp(-0.02 * (age - 40) - 0.4 * (channel == "web"))
    frame = pareto(rng, n, 0.6, alpha, 0.7, 12.0, rng.integers(20, 40, n))
    extra = {"age": age, "channel": channel, "member": rng.random(n) < 0.3, "branch": rng.integers(1, 4, n)}
    return frame.assign(**extra).set_axis(np.arange(n)[::-1] * 3, axis=0)
