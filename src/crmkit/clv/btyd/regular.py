"""Name the model of customers who buy more regularly than at random: MBG/CNBD-k."""

from functools import partial
from types import ModuleType
from typing import Any, ClassVar, Literal

from crmkit import _params
from crmkit.clv.btyd import _cnbd, _design, _optimum
from crmkit.clv.btyd._cells import Cells
from crmkit.clv.btyd._special import Floats
from crmkit.clv.btyd.customer_base import CustomerBaseModel
from crmkit.errors import ConvergenceError

_REGULAR = 12  # gaps as steady as this look like a calendar; the platforms of the paper stop here too


class ModifiedBetaGeoCNBD(CustomerBaseModel):
    """MBG/CNBD-k: as MBG/NBD, but the times between a customer's purchases are Erlang-k, not exponential.

    Parameters
    ----------
    unit : {"day", "week", "month", "quarter", "year"}, optional
        Unit of time of the data; None takes it from the column ``unit`` of the frame.
    k : int, optional
        Regularity of the gaps, 1 (at random, the MBG/NBD) to 12. None chooses it by likelihood.

    Attributes
    ----------
    params_ : dict
        r, alpha (rates: gamma), a, b (chance to leave: beta).
    k_ : int
        The regularity: the coefficient of variation of a customer's gaps is 1/√k.

    Notes
    -----
    Every k-th event of a Poisson process with rate λ is a purchase, so that the rate of purchases is λ/k. The
    likelihood is that of (x, t_x, T), which is all that `summarize` keeps of the purchases: regularity shows
    in how customers' last purchases lie before the end. It equals the MBG/NBD's at k = 1.

    References
    ----------
    Platzer, M. and Reutterer, T. (2016). Ticking away the moments: timing regularity helps to better predict
    customer activity. Marketing Science 35(5), 779-799.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> at_random = clv.ModifiedBetaGeoCNBD(k=1).fit(summary)
    >>> abs(at_random.log_likelihood_ - clv.ModifiedBetaGeoNBD().fit(summary).log_likelihood_) < 1e-6
    True
    """

    _formulas: ClassVar[ModuleType] = _cnbd
    _names: ClassVar[tuple[str, ...]] = _cnbd.NAMES
    _scaled: ClassVar[tuple[str, ...]] = ("alpha",)
    _options: ClassVar[dict[str, Any]] = {"unit": CustomerBaseModel._options["unit"], "k": int | None}

    k_: int

    def __init__(self, *, unit: str | None = None, k: int | None = None) -> None:
        self.unit = unit
        self.k = k

    @classmethod
    def _also_learned(cls) -> dict[str, Any]:
        return {"k": Literal[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}

    def _function(self, name: str) -> Any:
        if not hasattr(self, "k_"):
            self._require_fitted()
        return partial(getattr(self._formulas, name), k=self.k_)

    def _maximise(
        self, cells: Cells, data: list[Floats], layout: _design.Layout
    ) -> tuple[_optimum.Optimum, Floats]:
        """Try one regularity after the other till the likelihood falls."""
        if self.k is not None:
            self.k_ = _params.integer("k", self.k, low=1, high=_REGULAR)
            return super()._maximise(cells, data, layout)
        self.k_ = 1
        best, chosen = super()._maximise(cells, data, layout), 1
        for k in range(2, _REGULAR + 1):
            self.k_ = k
            try:
                found = super()._maximise(cells, data, layout)
            except ConvergenceError:  # a regularity that these data rule out
                break
            if found[0].value <= best[0].value:
                break
            best, chosen = found, k
        self.k_ = chosen
        return best
