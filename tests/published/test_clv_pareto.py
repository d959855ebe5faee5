"""Pareto/NBD on CDNOW as published: reference.md §11 and the figures of issue 3 (Fader & Hardie)."""

import numpy as np
import pytest
from scipy.optimize import minimize

from crmkit import clv
from crmkit.clv.btyd import _pareto as pareto
from crmkit.datasets import load_cdnow

PUBLISHED = (0.553, 10.578, 0.606, 11.669)
CUSTOMER = tuple(np.array([v]) for v in (26.0, 216 / 7, 31.0))


@pytest.fixture(scope="module")
def data():
    summary = clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    return tuple(summary[name].to_numpy(dtype=float) for name in ("frequency", "recency", "T"))


@pytest.fixture(scope="module")
def best(data):
    def value(point):
        return -pareto.likelihood(tuple(np.exp(point)), *data, order=0)[0].sum()

    def gradient(point):
        return -pareto.likelihood(tuple(np.exp(point)), *data, order=1)[1].sum(axis=1)

    def hessian(point):
        return -pareto.likelihood(tuple(np.exp(point)), *data)[2].sum(axis=2)

    start = np.log(pareto.start(*data, np.ones(2357)))
    found = minimize(value, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-6})
    assert np.abs(found.jac).max() < 1e-4
    return tuple(np.exp(found.x)), -found.fun


def test_estimates(best):
    params, value = best
    assert tuple(round(p, 3) for p in params) == PUBLISHED
    assert round(value, 1) == -9595.0


def test_likelihood_at_the_published_estimates(data):
    assert pareto.likelihood(PUBLISHED, *data, order=0)[0].sum() == pytest.approx(-9595.0, abs=0.05)


def test_new_customer(best):
    assert float(pareto.expected_new(best[0], 52.0)) == pytest.approx(1.473434, rel=1e-4)


def test_frequent_customer(best):
    assert pareto.expected(best[0], *CUSTOMER, 52.0)[0] == pytest.approx(25.45647, rel=1e-4)
    assert pareto.alive(best[0], *CUSTOMER)[0] == pytest.approx(0.997874, rel=1e-4)
    assert round(pareto.alive(PUBLISHED, *CUSTOMER)[0], 6) == 0.997874


def test_expected_distribution_of_the_year_adds_up(best):
    found = pareto.counts_new(best[0], 52.0, 1000)
    assert found.sum() == pytest.approx(1, rel=1e-9)
    assert found @ np.arange(1001) == pytest.approx(1.473434, rel=1e-4)
