"""Lay out the coefficients of a model with covariates: which act on which parameter, and in which units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crmkit.clv.btyd._likelihood import Design, Effect
from crmkit.clv.btyd._special import Floats
from crmkit.clv.btyd.covariates import Coding

if TYPE_CHECKING:
    import pandas as pd

Acting = Mapping[str, Sequence[tuple[str, int, str]]]
"""Process → (parameter, sign, label of its own coefficients)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Hold the design of a fit, the names of its coefficients and how each process codes its covariates."""

    design: Design
    names: tuple[str, ...]
    codings: Mapping[str, Coding]

    def matrix(self, rows: "pd.DataFrame") -> Floats:
        """Return the covariate columns of all processes side by side."""
        return np.column_stack(
            [np.empty((len(rows), 0)), *(coding.matrix(rows) for coding in self.codings.values())]
        )


def lay_out(
    parameters: Sequence[str], acting: Acting, codings: Mapping[str, Coding], *, equal: bool, penalty: float
) -> Layout:
    """Give every covariate of every process a coefficient; with `equal` the processes share them by name."""
    effects: list[Effect] = []
    names: list[str] = []
    column = 0
    for process, coding in codings.items():
        for covariate in coding.names:
            for parameter, sign, label in acting[process]:
                name = covariate if equal else f"{label}:{covariate}"
                if name not in names:
                    names.append(name)
                effects.append(Effect(parameters.index(parameter), column, sign, names.index(name)))
            column += 1
    design = Design(len(parameters), tuple(effects), len(names), penalty)
    return Layout(design, tuple(names), dict(codings))


def to_raw(design: Design, mean: Floats, deviation: Floats) -> Floats:
    """Return the linear map from coefficients of standardised covariates to those of the covariates."""
    p = design.parameters
    change = np.eye(p + design.coefficients)
    for effect in design.effects:
        here = p + effect.coefficient
        change[here, here] = 1 / deviation[effect.column]
        change[effect.parameter, here] -= effect.sign * mean[effect.column] / deviation[effect.column]
    return change
