"""What a customer does next where a chance to leave follows each purchase: BG/NBD and MBG/NBD.

Given that he has not left, the history x, t_x, T leaves his rate λ ~ Gamma(r+x, α+T) and his chance
p ~ Beta(a, b+y) independent, with y = x + `first` chances passed; from then on the two models are one. All
predictions are P(not left) times an average over the two; a new customer is x = T = 0 after the chance, if
the model has it, to leave at once.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import betainc

from crmkit.clv.btyd import _beta_mean
from crmkit.clv.btyd._geometric_dropout import alive
from crmkit.clv.btyd._over_shapes import by_counts
from crmkit.clv.btyd._special import Floats, Parameter, Params

_Mean = Callable[..., Floats]

_BLOCK = 16_384  # numbers that stay in the cache
_MOST_PURCHASES = 1e18  # what a whole number of 64 bits holds


def _active(mean: _Mean, params: Params, x: Floats, v: Any, first: int) -> Floats:
    """Return the average of customers with x purchases who have not left."""
    r, _, a, b = params
    return by_counts(mean, (r + x, a, b + x + first), x, (r, a, b), v)


def _stays_new(params: Params, first: int) -> Parameter:
    _, _, a, b = params
    return b / (a + b) if first else 1.0


def alive_later(params: Params, x: Floats, t_x: Floats, T: Floats, t: Parameter, *, first: int) -> Floats:
    """Return the chance that the customer has not left by T + t."""
    now = alive(params, x, t_x, T, first=first)
    return now * _active(_beta_mean.survival, params, x, t / (params[1] + T), first)


def expected(params: Params, x: Floats, t_x: Floats, T: Floats, t: Parameter, *, first: int) -> Floats:
    """Return the expected purchases in (T, T + t]."""
    now = alive(params, x, t_x, T, first=first)
    return now * _active(_beta_mean.purchases, params, x, t / (params[1] + T), first)


def expected_new(params: Params, t: Parameter, *, first: int) -> Any:
    """Return the expected purchases of a new customer in (0, t]."""
    v = np.asarray(t / params[1], dtype=np.float64)
    found = _active(_beta_mean.purchases, params, np.zeros(v.size), v.ravel(), first).reshape(v.shape)
    return found[()] * _stays_new(params, first)


def discounted(params: Params, x: Floats, t_x: Floats, T: Floats, delta: float, *, first: int) -> Floats:
    """Return the purchases after T, each discounted to T at the rate δ > 0, without end."""
    now = alive(params, x, t_x, T, first=first)
    return now * _active(_beta_mean.discounted, params, x, delta * (params[1] + T), first)


def discounted_new(params: Params, delta: float, *, first: int) -> float:
    """Return the same for a new customer, after the first purchase."""
    found = _active(_beta_mean.discounted, params, np.zeros(1), delta * params[1], first)
    return float(found[0] * _stays_new(params, first))


def counts_new(params: Params, t: float, highest: int, *, first: int) -> Floats:
    """Return the chances of 0 … `highest` purchases of a new customer in (0, t]."""
    r, alpha, a, b = params
    stays = _stays_new(params, first)
    found: Floats = stays * _active_counts(r, t / alpha, a, b + first, highest)[0]
    found[0] += 1 - stays
    return found


def counts(
    params: Params, x: Floats, t_x: Floats, T: Floats, t: Parameter, highest: int, *, first: int
) -> Floats:
    """Return the chances of 0 … `highest` purchases in (T, T + t], shape (rows, highest + 1)."""
    r, alpha, a, b = params
    now = alive(params, x, t_x, T, first=first)
    found = _active_counts(r + x, t / (alpha + T), a, b + x + first, highest)
    found *= now[:, None]
    found[:, 0] += 1 - now
    return found


def _active_counts(s: Any, tau: Any, a: Any, beta: Any, highest: int) -> Floats:
    """Return the chances for customers who have not left, shape (rows, highest + 1)."""
    parts = [np.ravel(part).astype(np.float64) for part in np.broadcast_arrays(s, tau, a, beta)]
    found = np.empty((len(parts[0]), highest + 1))
    block = max(1, _BLOCK // (highest + 1))
    for start in range(0, len(found), block):
        rows = slice(start, start + block)
        _fill_counts(found[rows], *(part[rows, None] for part in parts))
    return found


def _fill_counts(found: Floats, s: Floats, tau: Floats, a: Floats, beta: Floats) -> None:
    """Fill in the chances of 0, 1, … purchases for columns s, τ, a, β.

    Fader, Hardie & Lee (2005), eq. 8: n purchases made and n chances to leave passed, or leaving at the nth:
    E(1−p)^n P(NBD = n) + E p(1−p)^(n−1) P(NBD ≥ n). The tail is summed downwards, from an incomplete beta.
    """
    highest = found.shape[1] - 1
    n = np.arange(highest + 1.0)
    tau = np.maximum(tau, np.finfo(np.float64).tiny)
    log = np.zeros(found.shape)
    np.cumsum(np.log((s + n[:-1]) / n[1:]) - np.log1p(1 / tau), axis=1, out=log[:, 1:])
    log -= s * np.log1p(tau)
    bought = np.exp(log, out=log)
    stays = np.ones(found.shape)
    left = a / (a + beta + n[:-1])
    np.cumprod((beta + n[:-1]) / (a + beta + n[:-1]), axis=1, out=stays[:, 1:])
    np.multiply(stays, bought, out=found)
    if highest > 0:
        tail = bought[:, :0:-1].copy()
        tail[:, 0] = betainc(highest, s, tau / (1 + tau))[:, 0]
        np.cumsum(tail, axis=1, out=tail)
        left *= stays[:, :-1]
        left *= tail[:, ::-1]
        found[:, 1:] += left


def draw(
    params: Params,
    x: Floats,
    t_x: Floats,
    T: Floats,
    t: Parameter,
    generator: np.random.Generator,
    *,
    first: int,
) -> Any:
    """Return a random number of purchases in (T, T + t] a row: what the rate gives, at most till leaving."""
    r, alpha, a, b = params
    rate = generator.gamma(r + x) / (alpha + T)
    chance = generator.beta(a, b + x + first)
    stays = generator.random(x.shape) < alive(params, x, t_x, T, first=first)
    bought = generator.poisson(np.minimum(rate * t, _MOST_PURCHASES))
    with np.errstate(divide="ignore"):
        till_leaving = np.ceil(generator.standard_exponential(x.shape) / -np.log1p(-chance))
    found = np.minimum(bought, np.maximum(till_leaving, 1))
    return np.where(stays, found, 0).astype(np.int64)


def waiting_mean(params: Params, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: ARG001  all models alike
    """Return the mean time to the next purchase of a customer who stays, infinite where r + x ≤ 1."""
    r, alpha = params[:2]
    excess = r + x - 1
    return np.where(excess > 0, (alpha + T) / np.where(excess > 0, excess, 1), np.inf)


def waiting_median(params: Params, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: ARG001  all models alike
    """Return the median time to the next purchase of a customer who stays."""
    r, alpha = params[:2]
    with np.errstate(over="ignore"):
        found: Floats = (alpha + T) * np.expm1(np.log(2) / (r + x))
    return found
