"""Customer-base models from DataFrame to result against lifetimes, on simulated customers.

Both see the same frame. In a round crmkit is run five times and lifetimes once (minutes on a million
customers); where lifetimes takes a second there are seven rounds: both meet the machine's slow moments.
"""

import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from crmkit import clv
from crmkit.clv.bridge import quiet
from measuring import row

_HORIZON = 52.0


def simulated(customers: int, *, weeks: bool, ages: tuple[int, int] = (27, 39)) -> pd.DataFrame:
    """Simulate purchases of customers 27 to 39 weeks old, as in CDNOW, in whole weeks or in days over 7."""
    rng = np.random.default_rng(1)
    age = rng.integers(ages[0] * 7, ages[1] * 7, customers) / 7
    rate, chance = rng.gamma(0.243, 1 / 4.414, customers), rng.beta(0.793, 2.426, customers)
    x, last, clock = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    active = np.arange(customers)
    while len(active):
        clock[active] += rng.exponential(1.0, len(active)) / np.maximum(rate[active], 1e-300)
        active = active[clock[active] < age[active]]
        x[active] += 1
        last[active] = clock[active]
        active = active[rng.random(len(active)) >= chance[active]]
    last = np.minimum(np.ceil(last * 7) / 7, age)
    spend = np.where(x > 0, rng.gamma(6.25 * np.maximum(x, 1)) / np.maximum(x, 1), 0)
    spend *= 15.44 / rng.gamma(3.74, 1.0, customers)
    frame = pd.DataFrame({"frequency": x.astype(int), "recency": last, "T": age, "monetary_value": spend})
    return frame.assign(recency=np.ceil(last), T=np.ceil(age)) if weeks else frame


def seconds(function: Callable[[], Any], *, repeat: int) -> tuple[float, Any]:
    """Return the median time of some runs after one to warm up, and the last result."""
    if repeat > 1:
        function()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def fitted(
    name: str, model: type, fitter: str, frame: pd.DataFrame, target: float | None, *, rounds: int = 1
) -> dict[str, Any]:
    columns = ["frequency", "monetary_value" if fitter == "GammaGammaFitter" else "recency"]
    columns += [] if fitter == "GammaGammaFitter" else ["T"]
    used = frame[frame["frequency"] > 0] if fitter == "GammaGammaFitter" else frame
    times: list[tuple[float, float]] = []
    for _ in range(rounds):
        mine_s, mine = seconds(lambda: model().fit(frame), repeat=5)
        with quiet() as lifetimes:
            peer = getattr(lifetimes, fitter)()
            peer_s, _ = seconds(lambda peer=peer: peer.fit(*(used[column] for column in columns)), repeat=1)
        times.append((mine_s, peer_s))
    mine_s, peer_s = (statistics.median(each) for each in zip(*times, strict=True))
    theirs = clv.from_lifetimes(peer).log_likelihood_
    assert mine.log_likelihood_ >= theirs - 1e-6 * abs(theirs), (name, mine.log_likelihood_, theirs)
    return row(f"{name}: fit", mine_s, {"lifetimes": peer_s}, target)


def predicted(name: str, frame: pd.DataFrame, target: float) -> dict[str, Any]:
    model = clv.BetaGeoNBD().fit(frame)
    mine_s, mine = seconds(lambda: model.expected_purchases(frame, horizon=_HORIZON), repeat=5)
    with quiet() as lifetimes:
        peer = lifetimes.BetaGeoFitter()
        peer.params_ = pd.Series(model.params_)
        expect = peer.conditional_expected_number_of_purchases_up_to_time
        peer_s, theirs = seconds(
            lambda: expect(_HORIZON, frame["frequency"], frame["recency"], frame["T"]), repeat=3
        )
    np.testing.assert_allclose(mine["expected_purchases"], theirs, rtol=1e-6)
    return row(f"{name}: expected purchases", mine_s, {"lifetimes": peer_s}, target)


def linear(name: str, model: type, *, weeks: bool) -> dict[str, Any]:
    """Fit ten times as many customers; the peer is ten times the time of the tenth."""
    small, large = (simulated(count, weeks=weeks) for count in (1_000_000, 10_000_000))
    tenth, _ = seconds(lambda: model().fit(small), repeat=3)
    whole, _ = seconds(lambda: model().fit(large), repeat=1)
    return row(name, whole, {"10 × a tenth of them": 10 * tenth}, 1.0)


def rows() -> Iterator[dict[str, Any]]:
    warnings.simplefilter("ignore", RuntimeWarning)  # of lifetimes
    million = {weeks: simulated(1_000_000, weeks=weeks) for weeks in (True, False)}
    hundred = simulated(100_000, weeks=True)
    bg, pareto = clv.BetaGeoNBD, clv.ParetoNBD
    yield fitted("BG/NBD, 100 000 customers in weeks", bg, "BetaGeoFitter", hundred, 1 / 100, rounds=7)
    yield fitted("Pareto/NBD, 100 000 customers in weeks", pareto, "ParetoNBDFitter", hundred, 1 / 100)
    spend = clv.GammaGamma
    yield fitted("Gamma-Gamma, 100 000 customers", spend, "GammaGammaFitter", hundred, 1 / 15, rounds=7)
    yield fitted("BG/NBD, 1 million customers in weeks", bg, "BetaGeoFitter", million[True], 1 / 300)
    yield fitted("BG/NBD, 1 million customers, unrounded", bg, "BetaGeoFitter", million[False], 1 / 60)
    older = simulated(1_000_000, weeks=True, ages=(26, 78))  # five times as many distinct histories
    yield fitted("BG/NBD, 1 million customers of 26 to 78 weeks", bg, "BetaGeoFitter", older, None)
    yield predicted("BG/NBD, 1 million customers in weeks", million[True], 1 / 15)
    yield predicted("BG/NBD, 1 million customers, unrounded", million[False], 1 / 2)
    yield linear("BG/NBD, 10 million customers in weeks: fit", bg, weeks=True)
    yield linear("BG/NBD, 10 million customers, unrounded: fit", bg, weeks=False)
