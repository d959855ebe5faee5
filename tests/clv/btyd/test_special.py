"""Special functions against mpmath, where differences of gamma functions lose their digits."""

import mpmath as mp
import numpy as np
import pytest

from crmkit.clv.btyd._special import rising


@pytest.mark.parametrize("a", [1e-3, 0.5, 40.0, 9.9e3, 1.1e4, 1e6, 1e9, 1e13, 1e18])
def test_rising_of_each_row_has_its_digits(a):
    """Ln Γ(a + x)/Γ(a) and its derivatives in a; found with a covariate that ran away."""
    x = np.array([0.0, 1.0, 3.0, 50.0, 5000.0])
    found = rising(np.full(5, a), x)
    with mp.workdps(60):
        exact = [
            [f(a + mp.mpf(one)) - f(mp.mpf(a)) for one in x] for f in (mp.loggamma, mp.digamma, trigamma)
        ]
    for part, values in zip(found, exact, strict=True):
        assert part == pytest.approx([float(one) for one in values], rel=2e-11, abs=1e-300)


def trigamma(z):
    return mp.psi(1, z)
