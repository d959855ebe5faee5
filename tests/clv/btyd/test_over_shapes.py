"""Interpolation over customers: right for smooth functions, and left alone where it would not be."""

import numpy as np
import pytest

from crmkit.clv.btyd._over_shapes import distinct, over_shapes


class Counting:
    """A function of shapes and v that knows how many rows it was asked for."""

    def __init__(self, function):
        self.function, self.rows = function, 0

    def __call__(self, s, a, beta, v):
        self.rows += len(v)
        return self.function(s, a, beta, v)


def smooth(s, a, beta, v):
    return s * v ** (1 - a) / (beta + v)


@pytest.fixture
def rows():
    generator = np.random.default_rng(1)
    shapes = np.array([1.0, 2, 5, 9]), np.array([0.2, 0.3, 0.7, 0.9]), np.array([1.0, 2, 3, 4])
    group = np.minimum(generator.integers(0, 40, 5000), 3)  # the first three are rare
    return shapes, group, generator.uniform(0.5, 40, 5000)


def direct(function, shapes, group, v):
    return function(*(part[group] for part in shapes), v)


def test_smooth_functions_are_interpolated(rows):
    function = Counting(smooth)
    np.testing.assert_allclose(over_shapes(function, *rows), direct(smooth, *rows), rtol=1e-10)
    assert function.rows < 500


def test_rare_shapes_are_evaluated_themselves():
    function = Counting(smooth)
    group, v = np.repeat([0, 1], [1000, 10]), np.linspace(1, 2, 1010)
    shapes = np.array([1.0, 2]), np.array([0.5, 0.6]), np.array([1.0, 1.5])
    found = over_shapes(function, shapes, group, v)
    np.testing.assert_allclose(found, direct(smooth, shapes, group, v), rtol=1e-12)
    assert function.rows == 13 + 10


def test_what_is_not_smooth_is_evaluated_itself(rows):
    def kink(s, a, beta, v):
        return s + np.abs(v - 7)

    np.testing.assert_array_equal(over_shapes(kink, *rows), direct(kink, *rows))


def test_what_vanishes_is_evaluated_itself(rows):
    def tiny(s, a, beta, v):
        return np.exp(-700 - v)

    np.testing.assert_array_equal(over_shapes(tiny, *rows), direct(tiny, *rows))


def test_one_time_for_all(rows):
    shapes, group, _ = rows
    v = np.full(5000, 3.0)
    np.testing.assert_allclose(
        over_shapes(smooth, shapes, group, v), direct(smooth, shapes, group, v), rtol=1e-12
    )


def test_no_time_at_all(rows):
    shapes, group, v = rows
    v[::7] = 0
    np.testing.assert_allclose(
        over_shapes(smooth, shapes, group, v), direct(smooth, shapes, group, v), rtol=1e-10
    )
    nothing = np.zeros(5000)
    assert (over_shapes(smooth, shapes, group, nothing) == 0).all()


def test_shapes_without_rows_are_not_asked_for(rows):
    shapes, group, v = rows
    keep = group != 1
    found = over_shapes(smooth, shapes, group[keep], v[keep])
    np.testing.assert_allclose(found, direct(smooth, shapes, group[keep], v[keep]), rtol=1e-10)


@pytest.mark.parametrize("size", [1, 50, 4000])
def test_distinct_combinations(size):
    generator = np.random.default_rng(size)
    whole, parts = (
        generator.integers(0, 5, size) * 3,
        [generator.choice([0.5, 1.5, 7.0], size) for _ in range(3)],
    )
    for given in ([whole], [whole, *parts], parts, [generator.random(size), *parts, generator.random(size)]):
        rows, group = distinct(*given)
        for part in given:
            np.testing.assert_array_equal(part[rows][group], part)
        assert len(rows) == len(set(zip(*given, strict=True)))
