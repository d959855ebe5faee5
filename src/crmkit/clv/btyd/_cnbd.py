"""MBG/CNBD-k: regular purchases, every k-th event of a gamma-mixed Poisson process, till the customer leaves.

The times between purchases are Erlang-k with rate λ ~ Gamma(r, α): a purchase is every k-th event of a
Poisson process with rate λ, the others are hidden. After each purchase, the first at time 0 included, the
customer leaves with probability p ~ Beta(a, b). With k = 1 this is MBG/NBD.

The likelihood is one of (x, t_x) given T. The paper's also has the product of the times between purchases,
which a summary of customers does not carry; (x, t_x, T) holds the density of the last purchase, Gamma(kx, λ),
in closed form and without it, and that is what is maximised here. Each is a density of the same data
whatever k, so that their maxima compare over k, but only the spread of t_x and of the silence speaks for k
here: there is less to tell one k from the next than with all the times. The constant Γ(x)/t_x^(x−1), free of
k and of the parameters, is multiplied in: with it k = 1 is MBG/NBD to the last digit.

With N = kx, ρ = r + N, y = (T − t_x)/(α + T) and Q = (1 − y)^ρ Σ_{j<k} (ρ)_j/j! y^j, the chance of no
purchase since t_x of a customer who has not left:

    L = t_x^((k−1)x) Γ(x)/Γ(N) · (r)_N α^r (α+t_x)^(−ρ) · (b)_x/(a+b)_(x+1) · (a + (b + x) Q)

The terms of Q are the chances that j hidden events have come since t_x; j and λ | j ~ Gamma(ρ + j, α + T)
carry the history into the future, which is exact here: no approximation of the paper's is needed.

References
----------
Platzer, M., & Reutterer, T. (2016). Ticking away the moments: Timing regularity helps to better predict
customer activity. Marketing Science, 35(5), 779–799.
Reutterer, T., Platzer, M., & Schröder, N. (2021). Leveraging purchase regularity for predicting customer
behavior the easy way. International Journal of Research in Marketing, 38(1), 194–215.
"""

from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, expit, gammaln, xlogy

from crmkit.clv.btyd import _beta_mean, _cnbd_future as future
from crmkit.clv.btyd._over_shapes import by_counts
from crmkit.clv.btyd._special import Floats, Parameter, Params, add_risings, summed

NAMES = ("r", "alpha", "a", "b")


def likelihood(
    params: Params, x: Floats, t_x: Floats, T: Floats, *, k: int, order: int = 2
) -> tuple[Floats, Floats | None, Floats | None]:
    """Return the log-likelihood of each row, with its derivatives in the log-parameters."""
    r, alpha, a, b = params
    N = k * x
    begun = np.log1p(t_x / alpha)
    known = np.where(x > 0, gammaln(np.maximum(x, 1)) - gammaln(np.maximum(N, 1)), 0.0)
    silent, d_silent, dd_silent = _silence(params, x, t_x, T, k, order)
    u = np.log(b + x) + silent - np.log(a)  # the log-odds of still being there
    value = xlogy((k - 1) * x, t_x) + known - r * begun - N * np.log(alpha + t_x)
    value += np.log(a) + np.maximum(u, 0) + np.log1p(np.exp(-np.abs(u)))
    gradient, hessian = np.zeros((4, len(x))), np.zeros((4, 4, len(x)))
    share = b / (b + x)
    slopes = np.stack([*d_silent, np.full(len(x), -1.0), np.broadcast_to(share, x.shape)])
    if order > 0:
        gradient += expit(u) * slopes
        gradient[0] -= r * begun
        gradient[1] += (r * t_x - N * alpha) / (alpha + t_x)
        gradient[2] += 1
    if order > 1:
        hessian += expit(u) * expit(-u) * slopes[:, None] * slopes[None]
        hessian[:2, :2] += expit(u) * dd_silent
        hessian[3, 3] += expit(u) * share * x / (b + x)
        hessian[0, 0] -= r * begun
        hessian[[0, 1], [1, 0]] += r * t_x / (alpha + t_x)
        hessian[1, 1] -= alpha * t_x * (r + N) / (alpha + t_x) ** 2
    add_risings((value, gradient, hessian), params, [(1, (0,), N), (1, (3,), x), (-1, (2, 3), x + 1)], order)
    return value, gradient if order > 0 else None, hessian if order > 1 else None


def alive(params: Params, x: Floats, t_x: Floats, T: Floats, *, k: int) -> Floats:
    """Return the probability that the customer has not left by T."""
    _, _, a, b = params
    found: Floats = expit(np.log(b + x) + _silence(params, x, t_x, T, k, 0)[0] - np.log(a))
    return found


def alive_later(params: Params, x: Floats, t_x: Floats, T: Floats, t: Parameter, *, k: int) -> Floats:
    """Return the probability that the customer has not left by T + t."""
    return alive(params, x, t_x, T, k=k) * future.means(_outlook(params, x, t_x, T, k), t)[1]


def expected(params: Params, x: Floats, t_x: Floats, T: Floats, t: Parameter, *, k: int) -> Floats:
    """Return the expected purchases in (T, T + t], to about 1e-10 of their size."""
    return alive(params, x, t_x, T, k=k) * future.means(_outlook(params, x, t_x, T, k), t)[0]


def expected_new(params: Params, t: Parameter, *, k: int) -> Floats:
    """Return the expected purchases of a new customer in (0, t]."""
    shape = np.broadcast_shapes(np.shape(t), *map(np.shape, params))
    none = np.zeros(shape or 1)
    return expected(params, none, none, none, t, k=k).reshape(shape)


def counts(
    params: Params, x: Floats, t_x: Floats, T: Floats, t: Parameter, highest: int, *, k: int
) -> Floats:
    """Return the probabilities of 0 … `highest` purchases in (T, T + t]."""
    found = future.counts(_outlook(params, x, t_x, T, k), t, highest)
    here = alive(params, x, t_x, T, k=k)
    found *= here[:, None]
    found[:, 0] += 1 - here
    return found


def counts_new(params: Params, t: float, highest: int, *, k: int) -> Floats:
    """Return the probabilities of 0 … `highest` purchases of a new customer in (0, t]."""
    none = np.zeros(1)
    found: Floats = counts(params, none, none, none, t, highest, k=k)[0]
    return found


def discounted(params: Params, x: Floats, t_x: Floats, T: Floats, delta: float, *, k: int) -> Floats:
    """Return the discounted expected residual transactions at the continuous rate `delta`.

    The m-th purchase comes after km − j events: Σ_m S_{m−1} φ^(km−j), φ = λ/(λ + delta), averaged over λ.
    """
    r, alpha, a, b = params
    found = np.zeros(len(x))
    for j, hidden in enumerate(_terms(params, x, t_x, T, k)[1]):
        mean = partial(_beta_mean.discounted, k=k, hidden=j)
        shapes = (r + k * x + j, a, b + x + 1)
        found += hidden * by_counts(mean, shapes, x, (r, a, b), delta * (alpha + T))
    return alive(params, x, t_x, T, k=k) * found


def discounted_new(params: Params, delta: float, *, k: int) -> float:
    """Return the discounted expected transactions of a new customer after the first purchase."""
    none = np.zeros(1)
    return float(discounted(params, none, none, none, delta, k=k)[0])


def draw(
    params: Params, x: Floats, t_x: Floats, T: Floats, t: Parameter, generator: np.random.Generator, *, k: int
) -> npt.NDArray[np.int64]:
    """Return one draw a row of the number of purchases in (T, T + t]."""
    here = generator.random(len(x)) < alive(params, x, t_x, T, k=k)
    ahead = _outlook(params, x, t_x, T, k)
    below = np.cumsum(ahead.hidden, axis=0)
    hidden = (generator.random(len(x)) * below[-1] >= below[:-1]).sum(axis=0)
    events = generator.poisson(generator.gamma(ahead.shape + hidden) * t / ahead.scale)
    leave = generator.beta(ahead.a, ahead.b)
    with np.errstate(divide="ignore"):  # p rounded to 0 or 1: the customer stays for ever, or buys once
        stays = 1 + np.floor(-generator.standard_exponential(len(x)) / np.log1p(-leave))
    return np.where(here, np.minimum((events + hidden) // k, stays), 0).astype(np.int64)


def waiting_mean(params: Params, x: Floats, t_x: Floats, T: Floats, *, k: int) -> Floats:
    """Return the mean time to the next purchase of one who is alive and stays; inf where r + kx ≤ 1."""
    ahead = _outlook(params, x, t_x, T, k)
    bounded = np.where(ahead.shape > 1, ahead.shape, 2.0)
    mean = sum(ahead.hidden[j] * (k - j) / (bounded + j - 1) for j in range(k))
    return np.where(ahead.shape > 1, ahead.scale * mean, np.inf)


def waiting_median(params: Params, x: Floats, t_x: Floats, T: Floats, *, k: int) -> Floats:
    """Return the median time to the next purchase of a customer who is alive and stays.

    By bisection in its logarithm; inf beyond the range of floats.
    """
    ahead = _outlook(params, x, t_x, T, k)
    low, high = np.full(len(x), -60.0), np.full(len(x), 700.0)
    for _ in range(64):
        middle = (low + high) / 2
        # The chance still to wait, whose argument stays exact where that of having come rounds to 1.
        wait = sum(ahead.hidden[j] * betainc(ahead.shape + j, k - j, expit(-middle)) for j in range(k))
        low, high = np.where(wait > 0.5, middle, low), np.where(wait > 0.5, high, middle)
    return np.where(high >= 700, np.inf, np.exp(np.minimum(high, 700)) * ahead.scale)


def start(x: Floats, t_x: Floats, T: Floats, weight: Floats, *, k: int) -> tuple[float, ...]:
    """Return starting values: the rate while active, and the departures that the silences suggest."""
    bought = summed(weight, x)
    rate = k * (bought + 0.5) / (summed(weight, t_x) + 1e-3 * summed(weight, T) + 1e-300)
    lost = summed(weight, (T - t_x) * rate > 3 * k)
    p = min(max((lost + 0.5) / (bought + weight.sum() + 1.0), 0.01), 0.8)
    return 1.0, float(min(max(1 / rate, 1e-9), 1e9)), float(2 * p), float(2 * (1 - p))


def _terms(params: Params, x: Floats, t_x: Floats, T: Floats, k: int) -> tuple[Floats, Floats]:
    """Return ln Q, and what share of Q each number of hidden events has, of shape (k, n)."""
    r, alpha, _, _ = params
    shape = r + k * x
    log_y = np.where(t_x < T, np.log(np.where(t_x < T, T - t_x, 1.0) / (alpha + T)), -np.inf)
    term = -shape * np.log1p((T - t_x) / (alpha + t_x))
    terms = [term]
    for j in range(1, k):
        term = term + np.log((shape + j - 1) / j) + log_y
        terms.append(term)
    stacked = np.stack(np.broadcast_arrays(*terms))
    top = stacked.max(axis=0)
    shares = np.exp(stacked - top)
    total = shares.sum(axis=0)
    return top + np.log(total), shares / total


def _silence(
    params: Params, x: Floats, t_x: Floats, T: Floats, k: int, order: int
) -> tuple[Floats, Floats, Floats]:
    """Return ln Q with its derivatives in ln r and ln α, of shapes (n,), (2, n), (2, 2, n)."""
    value, shares = _terms(params, x, t_x, T, k)
    first, second = np.zeros((2, len(x))), np.zeros((2, 2, len(x)))
    if order == 0:
        return value, first, second
    r, alpha, _, _ = params
    shape = r + k * x
    here, end = alpha / (alpha + t_x), alpha / (alpha + T)
    gap = alpha * (T - t_x) / ((alpha + t_x) * (alpha + T))
    slopes = np.empty((k, 2, len(x)))
    rise, bend = np.zeros(len(x)), np.zeros(len(x))
    for j in range(k):
        if j > 0:
            rise = rise + 1 / (shape + j - 1)
            bend = bend - 1 / (shape + j - 1) ** 2
        slopes[j, 0] = r * (rise - np.log1p((T - t_x) / (alpha + t_x)))
        slopes[j, 1] = shape * gap - j * end
        if order > 1:
            curved_alpha = slopes[j, 1] - shape * gap * (here + end) + j * end**2
            second[0, 0] += shares[j] * (slopes[j, 0] + r * r * bend)
            second[1, 1] += shares[j] * curved_alpha
    first = np.einsum("jn,jin->in", shares, slopes)
    if order > 1:
        second[0, 1] += r * gap
        second[1, 0] += r * gap
        slopes -= first
        second += np.einsum("jn,jin,jmn->imn", shares, slopes, slopes)
    return value, first, second


def _outlook(params: Params, x: Floats, t_x: Floats, T: Floats, k: int) -> future.Outlook:
    """Return what the history says of the future of a customer who is alive."""
    r, alpha, a, b = params
    shape, scale, a, past = np.broadcast_arrays(r + k * x, alpha + T, a, b + x + 1)
    return future.Outlook(k, _terms(params, x, t_x, T, k)[1], shape, scale, a, past)
