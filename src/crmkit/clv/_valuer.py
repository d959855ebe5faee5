"""Value the cells of a frame with a model of purchases and one of spend, and say how sure the sums are."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from crmkit import _frames, _params
from crmkit.clv.btyd import _cells, _scoring
from crmkit.clv.btyd._reading import lacking
from crmkit.clv.btyd._special import Floats

if TYPE_CHECKING:
    import pandas as pd

    from crmkit.clv.btyd.customer_base import CustomerBaseModel
    from crmkit.clv.equity import Assumptions
    from crmkit.clv.spend import GammaGamma


def customer_model(name: str, model: object) -> None:
    """Refuse what is no fitted model of the customer base."""
    from crmkit.clv.btyd.customer_base import CustomerBaseModel

    if not isinstance(model, CustomerBaseModel):
        _params.fail(name, "a fitted model of the customer base, such as ParetoNBD", model)
    model._require_fitted()


def require(model: object, spend: object, assumptions: object) -> None:
    """Refuse what values nothing."""
    from crmkit.clv.equity import Assumptions
    from crmkit.clv.spend import GammaGamma

    customer_model("model", model)
    if not isinstance(spend, GammaGamma):
        _params.fail("spend", "a fitted GammaGamma", spend)
    spend._require_fitted()
    if not isinstance(assumptions, Assumptions):
        _params.fail("assumptions", "Assumptions(annual_rate=…)", assumptions)


def is_weighted(frame: object) -> bool:
    """Say whether a frame has a column that says how many customers a row stands for."""
    return _cells.WEIGHT in _frames.lazy(frame, table="summary").collect_schema().names()


class Valuer:
    """Value customers under assumptions; `levers` are factors on how fast they leave and how often buy."""

    def __init__(
        self,
        model: "CustomerBaseModel",
        spend: "GammaGamma",
        assumptions: "Assumptions",
        levers: Mapping[str, float] | None = None,
    ) -> None:
        require(model, spend, assumptions)
        self.model, self.spend, self.assumptions = model, spend, assumptions
        formula, horizons = _scoring.discounting(
            model, assumptions.annual_rate, assumptions.horizon, levers=levers
        )
        self.formula, self.times = formula, list(horizons.values())

    def cells(
        self, frame: object, also: Mapping[str, str] | None = None, *, weighted: bool = False
    ) -> tuple[_cells.Cells, dict[str, str]]:
        """Gather the cells of a frame by what both models read, and by other columns.

        With `weighted` the column of weights, where there is one, says how many customers a row is.
        """
        found = _scoring.roles_of(self.model, frame) | _scoring.roles_of(self.spend, frame)
        roles = {**found, **(also or {})}
        cells = _cells.gather(frame, roles, weighted=weighted and is_weighted(frame))
        flags = [name for name, role in (also or {}).items() if role == "flag"]
        cells.refuse(
            _scoring.checks_of(self.model, cells.rows)
            | _scoring.checks_of(self.spend, cells.rows)
            | lacking(cells.rows, flags)
        )
        _scoring.require_unit(self.model, cells.rows)
        return cells, roles

    def scores(self, rows: "pd.DataFrame") -> dict[str, Floats]:
        """Return purchases, spend and value of every cell."""
        purchases = _scoring.evaluate(self.model, self.formula, rows, self.times)
        spent = _scoring.evaluate(self.spend, self.spend._function("expected"), rows, [])
        value = purchases * self._left(spent) - self.assumptions.retention_cost
        return {"discounted_purchases": purchases, "expected_spend": spent, "customer_value": value}

    def parts(self, rows: "pd.DataFrame") -> tuple[Floats, Floats, Floats]:
        """Return margin, retention cost and acquisition cost of one customer of every cell."""
        scores = self.scores(rows)
        ones = np.ones(len(rows))
        new = rows["is_new"].to_numpy(dtype=float) if "is_new" in rows else 0 * ones
        margin = scores["discounted_purchases"] * self._left(scores["expected_spend"])
        return margin, self.assumptions.retention_cost * ones, self.assumptions.acquisition_cost * new

    def variances(
        self,
        rows: "pd.DataFrame",
        weight: Floats | None = None,
        place: Any = None,
        segments: int = 0,
    ) -> Floats:
        """Return the variance of each cell's value, or of the weighted sums over segments."""
        scores = self.scores(rows)
        purchases, spent = scores["discounted_purchases"], scores["expected_spend"]
        found = np.zeros(len(rows) if weight is None else segments)
        for model, formula, times, others in (
            (self.model, self.formula, self.times, self._left(spent)),
            (self.spend, self.spend._function("expected"), [], self.assumptions.margin * purchases),
        ):
            if model._covariance is None:
                return np.full_like(found, np.nan)
            with np.errstate(invalid="ignore"):  # of an infinite expectation: nan
                slopes = _scoring.slopes(model, formula, rows, times) * others
            if weight is not None:
                sums = [np.bincount(place, weights=one * weight, minlength=segments) for one in slopes]
                slopes = np.stack(sums)
            found += np.maximum(np.einsum("in,ij,jn->n", slopes, model._covariance, slopes), 0)
        return found

    def _left(self, spent: Floats) -> Floats:
        return self.assumptions.margin * spent - self.assumptions.cost_to_serve
