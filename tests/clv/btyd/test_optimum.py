import numpy as np
import pytest

from crmkit.clv.btyd import _optimum
from crmkit.errors import ConvergenceError


class Hill:
    """A log-likelihood given as a function with its derivatives, of so many customers."""

    def __init__(self, function, size=100.0):
        self.function, self.size, self.calls = function, size, 0

    def __call__(self, point):
        self.calls += 1
        return self.function(point)


def quadratic(top, information):
    def function(point):
        away = point - top
        return -away @ information @ away / 2, -information @ away, -information

    return Hill(function)


def climb(hill, starts, size, **options):
    names = [f"p{one}" for one in range(size)]
    starts = [np.asarray(one, dtype=float) for one in starts]
    return _optimum.maximise(hill, starts, centre=np.zeros(size), names=names, **options)


def test_a_quadratic_summit_is_found_with_its_curvature():
    information = np.array([[40.0, 12.0, 0.0], [12.0, 9.0, 1.0], [0.0, 1.0, 100.0]])
    top = np.array([1.0, -2.0, 3.0])
    found = climb(quadratic(top, information), [np.zeros(3)], 3)
    assert found.point == pytest.approx(top, abs=1e-8)
    assert found.value == pytest.approx(0, abs=1e-12)
    assert found.runaway == {}
    covariance = _optimum.covariance(found.hessian)
    assert np.allclose(covariance @ information, np.eye(3), atol=1e-9)
    assert np.array_equal(covariance, covariance.T)


def test_starts_outside_the_box_are_pulled_in():
    found = climb(quadratic(np.array([2.0]), np.array([[50.0]])), [[500.0]], 1)
    assert found.point == pytest.approx([2.0], abs=1e-8)


def test_last_steps_take_a_flat_summit_to_the_last_digits():
    """A slope of 1e-8 a customer, with which the search ends, is far from a summit as flat as this."""
    top, flat = np.array([1.0, -2.0]), np.diag([0.05, 4.0])
    hill = quadratic(top, flat)
    near = _optimum.at(hill, top + np.array([2e-5, 1e-7]), np.zeros(2))
    found = _optimum.polished(hill, near, np.zeros(2))
    assert found.point == pytest.approx(top, abs=1e-12)
    calls = hill.calls
    nearly = _optimum.at(hill, top + np.array([4e-9, -1e-9]), np.zeros(2))
    assert _optimum.polished(hill, nearly, np.zeros(2)).point == pytest.approx(top, abs=1e-15)
    assert hill.calls == calls + 1  # of nearly; so short a step is sure


def test_last_steps_never_lead_down_nor_along_a_ridge():
    def quartic(point):
        x = float(point[0])
        return -(x**4), np.array([-4 * x**3]), np.array([[-0.1 - 12 * x * x]])

    def wave(point):  # from 1.2 a Newton step leads beyond the valley
        x = float(point[0])
        return 50 * np.cos(x), np.array([-50 * np.sin(x)]), np.array([[-50 * np.cos(x)]])

    ridge = _optimum.at(Hill(quartic), np.array([1e-3]), np.zeros(1))
    assert ridge.runaway == {}
    away = _optimum.at(Hill(wave), np.array([1.2]), np.zeros(1))
    for hill, start in ((quartic, ridge), (wave, away)):
        assert _optimum.polished(Hill(hill), start, np.zeros(1)).value >= start.value
    flat = _optimum.at(quadratic(np.zeros(1), np.array([[1e-4]])), np.array([0.5]), np.zeros(1))
    assert _optimum.polished(Hill(quartic), flat, np.zeros(1)) is flat


def two_summits(point):
    """Summits at -3 (height 1) and 3 (height 2)."""
    x = float(point[0])
    value = slope = curve = 0.0
    for height, place in ((1.0, -3.0), (2.0, 3.0)):
        bump = 100 * height * np.exp(-((x - place) ** 2) / 2)
        value, slope, curve = value + bump, slope - (x - place) * bump, curve + ((x - place) ** 2 - 1) * bump
    return value, np.array([slope]), np.array([[curve]])


def test_the_higher_of_two_summits_counts_when_all_starts_are_tried():
    starts = [[-2.5], [2.5]]
    assert climb(Hill(two_summits), starts, 1).point == pytest.approx([-3], abs=1e-4)
    assert climb(Hill(two_summits), starts, 1, all_starts=True).point == pytest.approx([3], abs=1e-4)


def rising(point):
    """Rises for ever in p0 and has its summit at 1 in p1."""
    x, y = point
    value = -np.exp(-x) - 20 * (y - 1) ** 2
    return value, np.array([np.exp(-x), -40 * (y - 1)]), np.diag([-np.exp(-x), -40.0])


@pytest.mark.parametrize("sign", [1, -1])
def test_a_parameter_that_runs_away_is_named(sign):
    def function(point):
        turned = point * np.array([sign, 1])
        value, gradient, hessian = rising(turned)
        return value, gradient * np.array([sign, 1]), hessian

    found = climb(Hill(function, size=1.0), [[0.0, 0.0]], 2)
    assert found.runaway == {0: sign}
    assert found.point[1] == pytest.approx(1, abs=1e-3)
    assert abs(found.point[0]) <= _optimum.WIDEST


def test_a_ridge_names_all_of_its_parameters():
    """Only the sum of two parameters is known."""
    information = 50 * np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    found = climb(quadratic(np.array([2.0, 2.0, 0.5]), information), [[0.5, 0.5, 0.0]], 3)
    assert set(found.runaway) == {0, 1}
    assert found.point[:2].sum() == pytest.approx(4, abs=1e-4)


def test_where_there_is_no_number_there_is_no_start():
    def function(point):
        inside = point[0] > 0
        value = -((point[0] - 2) ** 2) * 50 if inside else np.nan
        return value, -100 * (point - 2), np.array([[-100.0]])

    found = climb(Hill(function), [[-1.0], [1.0]], 1)
    assert found.point == pytest.approx([2.0], abs=1e-6)
    with pytest.raises(
        ConvergenceError, match=r"no maximum that 1 starting points lead to\. Check the units"
    ):
        climb(Hill(function), [[-1.0]], 1)


def test_a_search_that_stops_on_a_slope_says_where():
    """Derivatives that contradict the values: no step is ever accepted."""

    def function(point):
        return -float(point @ point) * 50, np.array([1e3]), np.array([[-50.0]])

    with pytest.raises(ConvergenceError, match=r"no maximum .* It stopped at \{'p0'"):
        climb(Hill(function), [[1.0]], 1)


def test_at_judges_a_point_that_was_found_elsewhere():
    hill = quadratic(np.array([1.0, 2.0]), np.diag([50.0, 1e-6]))
    found = _optimum.at(hill, np.array([1.0, 5.0]), np.zeros(2))
    assert found.runaway == {1: 1}
    assert found.value == pytest.approx(-4.5e-6)


def test_evaluations_are_not_repeated():
    """Value, slope and curvature of one point come from one evaluation."""
    hill = quadratic(np.array([1.0, -2.0]), np.diag([40.0, 9.0]))
    seen = []
    inner = hill.function

    def remember(point):
        seen.append(point.tobytes())
        return inner(point)

    hill.function = remember
    climb(hill, [np.zeros(2)], 2)
    assert len(set(seen)) == len(seen)
