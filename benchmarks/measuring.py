"""Time functions against each other in one process: interleaved repetitions, medians, equal outputs."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd


def medians(
    functions: Mapping[str, Callable[[], Any]], *, repeat: int = 5
) -> tuple[dict[str, float], dict[str, Any]]:
    """Run all functions in turn, `repeat` times after one warm-up; return median seconds and last outputs."""
    outputs = {name: function() for name, function in functions.items()}
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeat):
        for name, function in functions.items():
            gc.collect()
            start = time.perf_counter()
            outputs[name] = function()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in seconds.items()}, outputs


def assert_equal(one: pd.DataFrame, other: pd.DataFrame, *, key: str) -> None:
    """Assert that two tables agree by key: text and whole numbers exactly, the rest to 1e-9."""
    one, other = (frame.sort_values(key, ignore_index=True)[list(one.columns)] for frame in (one, other))
    for name in one.columns:
        if one[name].dtype.kind == "f":
            np.testing.assert_allclose(one[name], other[name].astype(float), rtol=1e-9, atol=1e-9)
        else:
            assert (one[name].to_numpy() == other[name].to_numpy()).all(), name


def row(promise: str, crmkit_s: float, peers: Mapping[str, float], target: float | None) -> dict[str, Any]:
    """State one promise against the fastest of its peers; the ratio is crmkit's time over the peer's."""
    peer = min(peers, key=lambda name: peers[name])
    return {
        "promise": promise,
        "crmkit_s": crmkit_s,
        "peer_s": peers[peer],
        "ratio": crmkit_s / peers[peer],
        "target": target,
        "peer": peer,
    }


def simulated_orders(orders: int, customers: int, *, seed: int = 1) -> pd.DataFrame:
    """Make orders of two years, with skewed customers; every customer buys at least once."""
    rng = np.random.default_rng(seed)
    weight = rng.gamma(0.7, 1.0, customers)
    who = np.concatenate(
        [np.arange(customers), rng.choice(customers, orders - customers, p=weight / weight.sum())]
    )
    when = np.datetime64("2022-01-01", "us") + rng.integers(0, 730 * 86_400, orders).astype("timedelta64[s]")
    amount = np.round(rng.gamma(2.0, 20.0, orders), 2)
    shuffled = rng.permutation(orders)
    return pd.DataFrame({"customer_id": who[shuffled] * 7 + 13, "order_date": when, "amount": amount})
