"""Name the model of customers who may buy once an opportunity, such as once a year or an event: BG/BB."""

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from crmkit.clv.btyd import _beta_binomial, _reading
from crmkit.clv.btyd._special import Floats, Params
from crmkit.clv.btyd.customer_base import CustomerBaseModel

if TYPE_CHECKING:
    import pandas as pd


class BetaGeoBetaBinomial(CustomerBaseModel):
    """BG/BB: at each opportunity a customer buys or not, and may leave for good before it.

    Parameters
    ----------
    unit : {"day", "week", "month", "quarter", "year"}, optional
        Time from one opportunity to the next, needed for annual rates only; None takes it from the column
        ``unit`` of the frame.

    Attributes
    ----------
    params_ : dict
        alpha, beta (chance to buy at an opportunity: beta), gamma, delta (chance to leave before it: beta).

    Notes
    -----
    The data are ``frequency`` (opportunities after the first purchase at which the customer bought),
    ``recency`` (the number of the last of them, 0 if none) and ``n_periods`` (opportunities so far). A
    horizon is a number of opportunities. `probability_alive` is that of the next opportunity, as in the
    paper.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Shang, J. (2010). Customer-base analysis in a discrete-time
    noncontractual setting. Marketing Science 29(6), 1086-1108.

    Examples
    --------
    The published estimates for the 11 104 donors who first gave in 1995, over the six years to 2001: α 1.204,
    β .750, γ .657, δ 2.783, log-likelihood −33 225.6.

    >>> from crmkit import clv
    >>> donors = {
    ...     "frequency": [6, 5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 4, 3, 2, 1, 3, 2, 1, 2, 1, 1, 0],
    ...     "recency": [6, 6, 6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4, 4, 4, 3, 3, 3, 2, 2, 1, 0],
    ...     "n_periods": [6] * 22,
    ...     "weight": [1203, 728, 512, 357, 234, 129, 335, 284, 225, 173, 119,
    ...                240, 181, 155, 78, 322, 255, 129, 613, 277, 1091, 3464],
    ... }
    >>> model = clv.BetaGeoBetaBinomial(unit="year").fit(donors)
    >>> {name: round(value, 3) for name, value in model.params_.items()}
    {'alpha': 1.204, 'beta': 0.75, 'gamma': 0.657, 'delta': 2.783}
    >>> round(model.log_likelihood_, 1)
    -33225.6
    """

    _formulas: ClassVar[ModuleType] = _beta_binomial
    _names: ClassVar[tuple[str, ...]] = _beta_binomial.NAMES
    _columns: ClassVar[tuple[str, ...]] = ("frequency", "recency", "n_periods")
    _limits: ClassVar[Mapping[str, str]] = {
        "alpha → ∞, beta → ∞": "all customers buy with the same probability",
        "gamma → ∞, delta → ∞": "all customers leave with the same probability",
        "gamma → 0": "nobody leaves",
        "delta → ∞": "nobody leaves",
    }

    _discrete: ClassVar[bool] = True
    _levers: ClassVar[Mapping[str, tuple[int, int]]] = {"dropout": (2, 1), "purchase_rate": (0, 1)}

    def __init__(self, *, unit: str | None = None) -> None:
        self.unit = unit

    def _checks(self, rows: "pd.DataFrame") -> _reading.Checks:
        x, t_x, n = (rows[name].to_numpy(dtype=float) for name in self._columns)
        return super()._checks(rows) | {
            "have a recency that is not a whole number": t_x > np.floor(t_x),
            "have an n_periods that is not a whole number": n > np.floor(n),
            "have a frequency above recency": (t_x > 0) & (x > t_x),
        }

    def _stays(self, params: Params, *data: Floats) -> Floats:
        x, t_x, n = data
        return _beta_binomial.alive_later(params, x, t_x, n, -1.0)  # at opportunity n, where alive is n + 1

    def _from_now(self, params: Params, *data: Floats) -> tuple[ModuleType, Params]:
        (alpha, beta, gamma, delta), (x, _, n) = params, data
        return _beta_binomial, (alpha + x, beta + n - x, gamma + 0 * x, delta + n)
