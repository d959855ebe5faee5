"""What a customer of MBG/CNBD-k who is alive will buy: sums over the hidden events still to come.

Given j hidden events since the last purchase, the events in a time t are negative binomial with shape ρ + j;
every k-th of all of them brings a purchase, as long as the customer stays. S_m = (b)_m/(a+b)_m is the chance
of staying through m purchases. Most horizons need few events, which are added one by one; for the others the
sum over purchases is taken as an integral with end corrections (Euler–Maclaurin), as its terms are smooth.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaincc, gammaln, xlogy

from crmkit.clv.btyd._special import Floats, Parameter, log_gamma_ratio

_MOST_EVENTS = 4096
_BLOCK = 65_536
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_END = (-1 / 12, 11 / 720, -191 / 60480, 2497 / 3628800)  # of the odd central differences at the lower end


@dataclass(frozen=True, slots=True)
class Outlook:
    """Hold what the history of each row says of its future, given that the customer is alive.

    `hidden` (k, n): chances of 0 … k − 1 events since the last purchase; λ | j ~ Gamma(`shape` + j, `scale`);
    p ~ Beta(`a`, `b`).
    """

    k: int
    hidden: Floats
    shape: Floats
    scale: Floats
    a: Floats
    b: Floats

    def rows(self, chosen: Any) -> "Outlook":
        """Return the chosen rows."""
        parts = (self.shape, self.scale, self.a, self.b)
        return Outlook(self.k, self.hidden[:, chosen], *(part[chosen] for part in parts))


def means(ahead: Outlook, t: Parameter) -> tuple[Floats, Floats]:
    """Return the expected purchases in a time t, and the chance of staying through it."""
    times = np.broadcast_to(np.asarray(t, dtype=np.float64), ahead.shape.shape) / ahead.scale
    bought, stayed = np.zeros(times.shape), np.ones(times.shape)
    far = _reach(ahead, times) > _MOST_EVENTS
    near = np.flatnonzero(~far & (times > 0))
    for first in range(0, len(near), 8192):
        rows = near[first : first + 8192]
        bought[rows], stayed[rows] = _add_up(ahead.rows(rows), times[rows])
    distant = np.flatnonzero(far)
    for first in range(0, len(distant), 32):
        rows = distant[first : first + 32]
        bought[rows], stayed[rows] = _integrate(ahead.rows(rows), times[rows])
    return bought, stayed


def counts(ahead: Outlook, t: Parameter, highest: int) -> Floats:
    """Return the probabilities of 0 … `highest` purchases in a time t.

    m purchases: m come and the customer stays for the first m − 1, or more would have come but for leaving.
    """
    times = np.broadcast_to(np.asarray(t, dtype=np.float64), ahead.shape.shape) / ahead.scale
    k, m = ahead.k, np.arange(highest + 1.0)
    state, log_q = _events(ahead, times)
    found = np.zeros((len(times), highest + 1))
    for s in range(k * (highest + 1)):
        found[:, s // k] += np.exp(state[: s + 1]).sum(axis=0)
        _one_more(state, s + 1, log_q, ahead.shape)
    beyond = _at_least(ahead, times, np.full((1, 1), highest + 1.0))
    more = np.cumsum(np.hstack([beyond, found[:, :0:-1]]), axis=1)[:, ::-1]
    stays = _stays(ahead, m[:-1])
    found[:, 1:] *= stays
    found[:, 1:] += stays * (ahead.a / (ahead.a + ahead.b + m[:-1, None])).T * more[:, 1:]
    return found


def _reach(ahead: Outlook, times: Floats) -> Floats:
    """Return a number of events that is exceeded with a chance below 1e-15."""
    shape = ahead.shape + ahead.k
    mean = (shape + 9 * np.sqrt(shape) + 45) * times
    found: Floats = mean + 9 * np.sqrt(mean) + 45 + ahead.k
    return found


def _events(ahead: Outlook, times: Floats) -> tuple[Floats, Floats]:
    """Return the logarithms of the chances of j hidden events and none after, and that of one more."""
    shape = ahead.shape + np.arange(ahead.k)[:, None]
    with np.errstate(divide="ignore"):  # no chance of j hidden events, or no time: the logarithm is −inf
        return np.log(ahead.hidden) - np.log1p(times) * shape, -np.log1p(1 / times)


def _one_more(state: Floats, s: int, log_q: Floats, shape: Floats) -> None:
    """Turn the chances that make s − 1 events in all, of which j hidden, into those of s, in place."""
    before = min(s, len(state))
    state[:before] += log_q + np.log(shape + s - 1) - np.log(s - np.arange(before))[:, None]


def _add_up(ahead: Outlook, times: Floats) -> tuple[Floats, Floats]:
    """Return the two means from the chances of s = 0, 1, … events since the last purchase."""
    k = ahead.k
    rows = np.arange(len(times))
    bought, stayed = np.zeros((2, len(times)))
    shape, a, b = ahead.shape, ahead.a, ahead.b
    state, log_q = _events(ahead, times)
    stays, upto, sum_bought, sum_stayed = np.ones(len(times)), *np.zeros((3, len(times)))
    s = 0
    while len(rows):
        chance = np.exp(state[: s + 1]).sum(axis=0)
        sum_bought += chance * upto
        sum_stayed += chance * stays
        if s % 8 == 7:
            ratio = np.exp(log_q) * (shape + s) / max(s + 2 - k, 0.5)
            tail = 1e14 * chance / np.maximum(1 - ratio, 1e-9)
            going = (ratio >= 1) | (tail * (1 + upto) > sum_bought) | (tail * stays > sum_stayed)
            ended = ~going
            bought[rows[ended]], stayed[rows[ended]] = sum_bought[ended], sum_stayed[ended]
            kept = (rows, shape, a, b, log_q, stays, upto, sum_bought, sum_stayed)
            rows, shape, a, b, log_q, stays, upto, sum_bought, sum_stayed = (one[going] for one in kept)
            state = state[:, going]
        s += 1
        _one_more(state, s, log_q, shape)
        if s % k == 0:
            upto = upto + stays
            stays = stays * (b + s // k - 1) / (a + b + s // k - 1)
    return bought, stayed


def _integrate(ahead: Outlook, times: Floats) -> tuple[Floats, Floats]:
    """Return the two means as sums over the number of purchases, those beyond a number as integrals."""
    k = ahead.k
    first = max(64, 16 * k)
    mean = np.maximum(ahead.shape - 9 * np.sqrt(ahead.shape), 0) * times
    middle = np.maximum((mean - 9 * np.sqrt(mean)) / k, first)
    last = np.maximum(_reach(ahead, times) / k, 1.5 * middle)
    ends = [np.log(middle / first) * np.linspace(0, 1, 7)[:, None] + np.log(first)]
    ends.append((np.log(last / middle) * np.linspace(0, 1, 11)[:, None] + np.log(middle))[1:])
    edge = np.concatenate(ends)
    half = (edge[1:] - edge[:-1])[..., None] / 2
    v = (edge[:-1, :, None] + half * (_NODES + 1)).transpose(1, 0, 2).reshape(len(times), -1)
    weight = (half * _WEIGHTS).transpose(1, 0, 2).reshape(len(times), -1)

    def total(term: Callable[[Floats], Floats]) -> Floats:
        near = term(np.broadcast_to(np.arange(first + 5.0), (len(times), first + 5)))
        found: Floats = near[:, :first].sum(axis=1) + near[:, first] / 2
        m = np.exp(v)
        found += (term(m) * m * weight).sum(axis=1)
        window = near[:, first - 4 : first + 5]
        for step, share in enumerate(_END):
            difference = np.diff(window, 2 * step + 1, axis=1)
            found += share * (difference[:, 3 - step] + difference[:, 4 - step]) / 2
        return found

    bought = total(lambda m: _stays(ahead, m) * _at_least(ahead, times, m + 1))
    stayed = total(lambda m: _stays(ahead, m) * _exactly(ahead, times, m))
    return bought, stayed


def _stays(ahead: Outlook, m: Floats) -> Floats:
    """Return S_m, for any real m ≥ 0, of shape (n, m)."""
    a, b = ahead.a[:, None], ahead.b[:, None]
    found: Floats = np.exp(log_gamma_ratio(b, a) - log_gamma_ratio(b + m, a))
    return found


def _at_least(ahead: Outlook, times: Floats, m: Floats) -> Floats:
    """Return the chance that m ≥ 1 purchases come in the time, if the customer stays, of shape (n, m)."""
    rest = (1 / (1 + times))[:, None]
    found: Floats = np.zeros(np.broadcast_shapes(rest.shape, np.shape(m)))
    for j in range(ahead.k):
        found += ahead.hidden[j][:, None] * betaincc((ahead.shape + j)[:, None], ahead.k * m - j, rest)
    return found


def _exactly(ahead: Outlook, times: Floats, m: Floats) -> Floats:
    """Return the chance that m purchases come in the time, if the customer stays, of shape (n, m)."""
    found = np.zeros(np.broadcast_shapes((len(times), 1), np.shape(m)))
    log_p = -np.log1p(times)[:, None]
    for j in range(ahead.k):
        shape = (ahead.shape + j)[:, None]
        for i in range(ahead.k):
            events = ahead.k * m + (i - j)
            bounded = np.maximum(events, 0.0)
            height = log_gamma_ratio(bounded + 1, shape - 1) - gammaln(shape) + shape * log_p
            chance = np.exp(height + xlogy(bounded, (times / (1 + times))[:, None]))
            found += ahead.hidden[j][:, None] * np.where(events >= 0, chance, 0.0)
    return found
