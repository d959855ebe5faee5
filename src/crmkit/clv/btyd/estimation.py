"""Fit a model of customers' purchases by maximum likelihood: the same steps for every model."""

import math
import warnings
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from crmkit import _params, periods
from crmkit.clv.btyd import _design, _likelihood, _optimum, _reading, covariates
from crmkit.clv.btyd._cells import Cells
from crmkit.clv.btyd._special import Floats, summed
from crmkit.clv.btyd.estimates import Estimates, is_day
from crmkit.errors import ConvergenceError, CRMKitWarning, DataError

if TYPE_CHECKING:
    import pandas as pd

ENGINES = ("crmkit", "lifetimes")
_PART = 4096  # cells that tell the estimates well enough to start from
_FEW = 5000  # customers below which chance can give the likelihood a second summit
_FEW_CELLS = 1000  # and cells on which seven searches cost next to nothing
# From the centre, in logarithms; the last two: some leave at once and the others never, and nobody leaves.
_APART = ((0, 0, 0, 0), (1.5,) * 4, (-1.5,) * 4, (2, 2, -1, 1), (0, 0, -3, -8), (0, 0, -8, 0))


class LikelihoodModel(Estimates):
    """Fit a model whose formulas are a module: NAMES, likelihood, start."""

    _formulas: ClassVar[ModuleType]
    _columns: ClassVar[tuple[str, ...]] = ("frequency", "recency", "T")
    _scaled: ClassVar[tuple[str, ...]] = ()
    _alike: ClassVar[bool] = True  # whether customers often share what the model reads

    def fit(self, summary: object, *, engine: str = "crmkit") -> Self:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        summary : DataFrame or mapping of arrays
            One row a customer, as `summarize` makes it, on any engine; other columns are ignored. A column
            ``weight`` says how many customers a row stands for, ``unit`` the unit of time, ``as_of`` the end
            of the data.
        engine : {"crmkit", "lifetimes"}, default "crmkit"
            What searches for the maximum. "lifetimes" asks lifetimes for the parameters, to compare; standard
            errors are crmkit's all the same.

        Returns
        -------
        LikelihoodModel
            The model itself.

        Raises
        ------
        ColumnError
            If a column is missing or no number.
        DataError
            If rows contradict themselves; the message counts them by reason.
        ConvergenceError
            If the data cannot tell the parameters, for example when nobody bought again.
        ParameterError
            If an argument is outside its range, or lifetimes does not know the model.

        Warns
        -----
        CRMKitWarning
            If the likelihood is highest at a boundary: some parameters run to 0 or to infinity.

        Notes
        -----
        Equal rows are counted once, with their number. On lazy frames that happens in the engine.

        Examples
        --------
        >>> from crmkit import clv, datasets
        >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
        >>> model = clv.BetaGeoNBD().fit(summary)
        >>> model.n_customers_, model.n_cells_, round(model.log_likelihood_, 1)
        (2357.0, 1016, -9582.4)
        """
        return self._fit(_reading.as_frame(summary), _params.choice("engine", engine, ENGINES))

    def _fit(self, frame: Any, engine: str, point: Floats | None = None) -> Self:
        """Fit, or with a point take that as the estimate."""
        asked = self._asked()
        cells = _reading.read(frame, asked, alike=self._alike)
        cells.refuse(self._checks(cells.rows) | _reading.lacking(cells.rows, asked.covariates))
        unit, as_of = self._about(cells.rows)
        cells = self._used(cells)
        data = self._data(cells.rows)
        self._require_information(data, cells.weight)
        learnt = {process: covariates.learn(*one, cells.rows) for process, one in asked.terms.items()}
        layout = self._lay_out(learnt)
        if engine == "lifetimes":
            point = import_module("crmkit.clv.bridge").estimate(self, data, cells.weight)
        if point is None:
            found, change = self._maximise(cells, data, layout)
        else:
            found, change = self._judge(cells, data, layout, point)
        self._keep(cells, layout, found, change)
        self.unit_, self.as_of_ = unit, as_of
        self._longest = float(data[-1].max())
        if self.boundary_ is not None:
            warnings.warn(self.boundary_, CRMKitWarning, stacklevel=3)
        return self

    def _maximise(
        self, cells: Cells, data: list[Floats], layout: _design.Layout
    ) -> tuple[_optimum.Optimum, Floats]:
        """Search with standardised covariates; also return the map back to the covariates as they are."""
        z = layout.matrix(cells.rows)
        mean, deviation = _moments(z, cells.weight)
        design, names = layout.design, [*self._names, *layout.names]
        whole = _likelihood.Likelihood(
            self._function("likelihood"), data, cells.weight, design, (z - mean) / deviation
        )
        centre = self._centre(data, cells.weight, design.coefficients)
        starts = self._starts(data, cells.weight, design.coefficients)
        if len(cells.weight) > 4 * _PART:  # most steps on a part, the last ones on the whole
            starts = [*_summit(self._sketch(whole), starts, centre, names), *starts]
        few = whole.size <= _FEW or len(cells.weight) <= _FEW_CELLS
        found = _optimum.maximise(whole, starts, centre=centre, names=names, all_starts=few)
        found = _optimum.polished(whole, found, centre)
        return found, _design.to_raw(design, mean, deviation)

    def _sketch(self, whole: _likelihood.Likelihood) -> _likelihood.Likelihood:
        """Return a likelihood of fewer rows that is highest near where the whole is."""
        return whole.part(_PART)

    def _judge(
        self, cells: Cells, data: list[Floats], layout: _design.Layout, point: Floats
    ) -> tuple[_optimum.Optimum, Floats]:
        """Evaluate the likelihood at parameters that were found elsewhere."""
        likelihood = _likelihood.Likelihood(self._function("likelihood"), data, cells.weight, layout.design)
        centre = self._centre(data, cells.weight, 0)
        with np.errstate(all="ignore"):  # what overflows is refused just below
            known = likelihood(point)
        if not all(np.isfinite(part).all() for part in known):
            where = ", ".join(
                f"{name} {math.exp(one):.4g}" for name, one in zip(self._names, point, strict=True)
            )
            msg = f"The likelihood cannot be computed at {where}. Fit with engine='crmkit'."
            raise ConvergenceError(msg)
        return _optimum.at(lambda _: known, point, centre), np.eye(len(point))

    def _function(self, name: str) -> Any:
        """Return a function of the model's formulas, with what the model fixes beside its parameters."""
        return getattr(self._formulas, name)

    def _checks(self, rows: "pd.DataFrame") -> _reading.Checks:
        return _reading.lacking(rows, self._columns) | _reading.contradictions(rows, self._columns)

    def _asked(self) -> _reading.Asked:
        parsed = {process: covariates.parse(process, getattr(self, process)) for process in self._acting}
        return _reading.Asked(self._columns, {process: one for process, one in parsed.items() if one[0]})

    def _used(self, cells: Cells) -> Cells:
        """Return the cells that carry information."""
        return cells

    def _data(self, rows: "pd.DataFrame") -> list[Floats]:
        x, t_x, end = (rows[name].to_numpy(dtype=float) for name in self._columns)
        return [x, np.minimum(t_x, end), end]

    def _require_information(self, data: list[Floats], weight: Floats) -> None:
        customers, repeated = float(weight.sum()), summed(weight, data[0])
        if customers < 2 or repeated == 0:
            msg = (
                "At least 2 customers and a repeat purchase must be in the data. Found "
                f"{customers:.10g} customers with {repeated:.10g} repeat purchases: use a longer period."
            )
            raise ConvergenceError(msg)

    def _starts(self, data: list[Floats], weight: Floats, coefficients: int) -> list[Floats]:
        """Return the start from moments and a few far from it, for likelihoods with a valley between."""
        scale = self._centre(data, weight, 0)
        others = [scale + np.resize(one, len(scale)) for one in _APART]
        some = slice(None, None, len(weight) // _PART + 1)
        first = self._function("start")(*(one[some] for one in data), weight[some])
        starts = [np.log(first), *others]
        return [np.concatenate([one, np.zeros(coefficients)]) for one in starts]

    def _centre(self, data: list[Floats], weight: Floats, coefficients: int) -> Floats:
        """Return where logarithms are centred: at that of 1, or of the mean age (or spend)."""
        size = summed(weight, data[-1]) / float(weight.sum())
        scale = math.log(size) if size > 0 else 0.0
        logs = [scale if name in self._scaled else 0.0 for name in self._names]
        return np.concatenate([logs, np.zeros(coefficients)])

    def _about(self, rows: "pd.DataFrame") -> tuple[str | None, str | None]:
        """Return the unit of the data and its last day, where the frame says so."""
        given = getattr(self, "unit", None)
        unit = given if given is None or periods.days_in(given) else None
        if "unit" in rows:
            found = sorted(set(rows["unit"].dropna()))
            if len(found) != 1 or unit not in (None, found[0]):
                wanted = "one unit of time" if unit is None else f"the unit {unit!r}"
                msg = (
                    f"`summary` must have {wanted} in 'unit'. Found {', '.join(map(repr, found)) or 'none'}: "
                    "summarize all orders in one unit."
                )
                raise DataError(msg)
            unit = found[0]
            if unit not in periods.PERIODS:
                msg = (
                    f"`summary` must name a unit of {', '.join(periods.PERIODS)} in 'unit'. Found {unit!r}: "
                    "rename it."
                )
                raise DataError(msg)
        known: list[str] = rows["as_of"].dropna().tolist() if "as_of" in rows else []
        last = str(max(known))[:10] if known else None
        if not is_day(last):
            msg = f"`summary` must have dates such as 2024-12-31 in 'as_of'. Found {max(known)!r}: rename it."
            raise DataError(msg)
        return unit, last

    def _keep(self, cells: Cells, layout: _design.Layout, found: _optimum.Optimum, change: Floats) -> None:
        slopes = found.point[layout.design.parameters :]
        self._layout, self._point = layout, change @ found.point
        self.log_likelihood_ = found.value + layout.design.penalty * float(slopes @ slopes) / 2
        self.n_customers_, self.n_cells_ = float(cells.weight.sum()), len(cells.weight)
        names = [*self._names, *layout.names]
        self._runaway = {names[place]: sign for place, sign in sorted(found.runaway.items())}
        informed = None if found.runaway else _optimum.covariance(found.hessian)
        self._covariance = None if informed is None else change @ informed @ change.T


def _summit(
    part: _likelihood.Likelihood, starts: list[Floats], centre: Floats, names: list[str]
) -> list[Floats]:
    """Return where the likelihood of a part of the cells is highest; a part may lack what the whole tells."""
    try:
        return [_optimum.maximise(part, starts, centre=centre, names=names).point]
    except ConvergenceError:
        return []


def _moments(z: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each covariate; a constant one keeps its own scale."""
    mean = weight @ z / weight.sum()
    deviation = np.sqrt(weight @ (z - mean) ** 2 / weight.sum())
    return mean, np.where(deviation > 0, deviation, 1.0)
