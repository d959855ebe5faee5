"""Sum a model's log-likelihood and its derivatives over cells, with covariates on any parameter.

Every parameter θ_j of a row is exp(c_j + Σ_k s·z_k·γ_k): its own coefficient, and the covariates that act on
it. A coefficient may act on several parameters (tied, or equal in both processes), so the gradient of a row
in ln θ_j reaches the coefficients by one linear map.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from crmkit.clv.btyd._special import Floats, Params, summed

_CHUNK = 16_384  # rows whose arrays stay in the cache


@dataclass(frozen=True, slots=True)
class Effect:
    """Say that covariate column `column` acts with `sign` on parameter `parameter` through `coefficient`."""

    parameter: int
    column: int
    sign: float
    coefficient: int


@dataclass(frozen=True, slots=True)
class Design:
    """Hold which coefficients act on which parameter; without effects the coefficients are the ln θ_j."""

    parameters: int
    effects: tuple[Effect, ...] = ()
    coefficients: int = 0
    penalty: float = 0.0

    def params(self, point: Floats, covariates: Floats) -> Params:
        """Return the parameters, scalar where no covariate acts on them, else one a row."""
        logs: list[Any] = list(point[: self.parameters])
        for effect in self.effects:
            shift = effect.sign * point[self.parameters + effect.coefficient] * covariates[:, effect.column]
            logs[effect.parameter] = logs[effect.parameter] + shift
        return tuple(np.exp(one) if np.ndim(one) else float(np.exp(one)) for one in logs)


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Hold the data of a fit: arrays of the model, how many customers each row is, and the covariates."""

    formula: Callable[..., tuple[Floats, Floats | None, Floats | None]]
    data: Sequence[Floats]
    weight: Floats
    design: Design
    covariates: Floats = field(default_factory=lambda: np.empty((0, 0)))

    def __call__(self, point: Floats) -> tuple[float, Floats, Floats]:
        """Return the weighted log-likelihood, its gradient and its Hessian in the coefficients."""
        size = self.design.parameters + self.design.coefficients
        value, gradient, hessian = 0.0, np.zeros(size), np.zeros((size, size))
        for start in range(0, len(self.weight), _CHUNK):
            rows = slice(start, start + _CHUNK)
            z = self.covariates[rows]
            params = self.design.params(point, z)
            row_value, row_gradient, row_hessian = self.formula(params, *(one[rows] for one in self.data))
            weight = self.weight[rows]
            value += summed(weight, row_value)
            self._add(gradient, hessian, row_gradient, row_hessian, weight, z)
        return self._penalised(point, value, gradient, hessian)

    @property
    def size(self) -> float:
        """Return the number of customers."""
        return float(self.weight.sum())

    def part(self, count: int) -> "Likelihood":
        """Return the likelihood of about `count` of the rows, evenly spaced."""
        rows = slice(None, None, -(-len(self.weight) // count))
        data = [one[rows] for one in self.data]
        return Likelihood(self.formula, data, self.weight[rows], self.design, self.covariates[rows])

    def _add(
        self, gradient: Floats, hessian: Floats, by_row: Any, curved: Any, weight: Floats, z: Floats
    ) -> None:
        """Add the derivatives of a chunk of rows; of a symmetric matrix each pair is summed once."""
        p = self.design.parameters
        for i in range(p):
            gradient[i] += summed(weight, by_row[i])
            for j in range(i + 1):
                total = summed(weight, curved[i][j])
                hessian[i, j] += total
                if i != j:
                    hessian[j, i] += total
        for one in self.design.effects:
            shift = one.sign * z[:, one.column] * weight
            here = p + one.coefficient
            gradient[here] += summed(shift, by_row[one.parameter])
            crossed = [summed(shift, curved[one.parameter][j]) for j in range(p)]
            hessian[here, :p] += crossed
            hessian[:p, here] += crossed
            for other in self.design.effects:
                both = shift * (other.sign * z[:, other.column])
                hessian[here, p + other.coefficient] += summed(both, curved[one.parameter][other.parameter])

    def _penalised(
        self, point: Floats, value: float, gradient: Floats, hessian: Floats
    ) -> tuple[float, Floats, Floats]:
        penalty, p = self.design.penalty, self.design.parameters
        if penalty:
            slopes = point[p:]
            value -= penalty * float(slopes @ slopes) / 2
            gradient[p:] -= penalty * slopes
            hessian[np.arange(p, len(point)), np.arange(p, len(point))] -= penalty
        return value, gradient, hessian
