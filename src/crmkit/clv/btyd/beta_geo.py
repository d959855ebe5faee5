"""Name the models in which customers may leave after a purchase: BG/NBD and MBG/NBD."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

from crmkit import _params
from crmkit.clv.btyd import _beta_geo, _modified_beta_geo
from crmkit.clv.btyd._design import Acting
from crmkit.clv.btyd._special import Floats, Params
from crmkit.clv.btyd.customer_base import COVARIATE_OPTIONS, CustomerBaseModel


class BetaGeoNBD(CustomerBaseModel):
    """BG/NBD: customers buy at random at rates of their own, and after each repeat purchase some leave.

    Parameters
    ----------
    unit : {"day", "week", "month", "quarter", "year"}, optional
        Unit of time of the data; None takes it from the column ``unit`` of the frame.
    purchase : str or list of str, optional
        Covariates of the purchase rate: columns, or a formula such as "channel + age".
    dropout : str or list of str, optional
        Covariates of the chance to leave.
    tied : bool, default True
        Whether a dropout covariate moves a and b by the same factor.
    equal : bool, default False
        Whether a covariate of both processes has one coefficient in them.
    penalty : float, default 0
        L2 penalty on the coefficients of the standardised covariates: half of it times their sum of squares.

    Attributes
    ----------
    params_ : dict
        r, alpha (rates: gamma with shape r, rate alpha in units of time), a, b (chance to leave: beta).

    Notes
    -----
    The purchases of a living customer are a Poisson process with a rate λ of its own; after a *repeat*
    purchase the customer leaves with a probability p of its own; λ and p vary independently, as Gamma(r, α)
    and Beta(a, b). Nobody without a repeat purchase can have left, so that `probability_alive` is 1 for them
    by construction: `ModifiedBetaGeoNBD` and `ParetoNBD` let them leave too.

    Covariates: α_i = α exp(−γ'x), a_i = a exp(γ_a'x), b_i = b exp(γ_b'x). With `tied`, γ_a = γ_b: that
    leaves the mean chance to leave a/(a + b) unmoved and changes only how much customers differ in it.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way: an
    alternative to the Pareto/NBD model. Marketing Science 24(2), 275-284.

    Examples
    --------
    The published estimates for CDNOW: r .243, α 4.414, a .793, b 2.426, log-likelihood −9582.4.

    >>> from crmkit import clv, datasets
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> model = clv.BetaGeoNBD().fit(summary)
    >>> {name: round(value, 3) for name, value in model.params_.items()}
    {'r': 0.243, 'alpha': 4.414, 'a': 0.793, 'b': 2.426}
    >>> round(model.log_likelihood_, 1)
    -9582.4
    """

    _formulas: ClassVar[ModuleType] = _beta_geo
    _names: ClassVar[tuple[str, ...]] = _beta_geo.NAMES
    _scaled: ClassVar[tuple[str, ...]] = ("alpha",)
    _acting: ClassVar[Acting] = {
        "purchase": [("alpha", -1, "purchase")],
        "dropout": [("a", 1, "dropout"), ("b", 1, "dropout")],
    }
    _options: ClassVar[dict[str, Any]] = {**COVARIATE_OPTIONS, "tied": bool}
    _limits: ClassVar[Mapping[str, str]] = {
        "r → ∞, alpha → ∞": "all customers buy at the same rate",
        "a → ∞, b → ∞": "all customers leave with the same probability",
        "a → 0": "nobody leaves",
        "a → 0, b → 0": "customers leave at the first chance or never",
    }

    _levers: ClassVar[Mapping[str, tuple[int, int]]] = {"dropout": (2, 1), "purchase_rate": (1, -1)}
    _chances: ClassVar[int] = 0

    def __init__(
        self,
        *,
        unit: str | None = None,
        purchase: str | Sequence[str] | None = None,
        dropout: str | Sequence[str] | None = None,
        tied: bool = True,
        equal: bool = False,
        penalty: float = 0.0,
    ) -> None:
        self.unit = unit
        self.purchase = purchase
        self.dropout = dropout
        self.tied = tied
        self.equal = equal
        self.penalty = penalty

    def _from_now(self, params: Params, *data: Floats) -> tuple[ModuleType, Params]:
        (r, alpha, a, b), (x, _, T) = params, data
        return _beta_geo, (r + x, alpha + T, a + 0 * x, b + x + self._chances)

    def _acts(self) -> Acting:
        if _params.flag("tied", self.tied):
            return self._acting
        if self.equal:
            _params.fail("tied", "True where `equal` is", self.tied)
        return {**self._acting, "dropout": [("a", 1, "dropout_a"), ("b", 1, "dropout_b")]}


class ModifiedBetaGeoNBD(BetaGeoNBD):
    """MBG/NBD: as BG/NBD, but customers may also leave right after their first purchase.

    Parameters
    ----------
    unit : {"day", "week", "month", "quarter", "year"}, optional
        Unit of time of the data; None takes it from the column ``unit`` of the frame.
    purchase : str or list of str, optional
        Covariates of the purchase rate: columns, or a formula such as "channel + age".
    dropout : str or list of str, optional
        Covariates of the chance to leave.
    tied : bool, default True
        Whether a dropout covariate moves a and b by the same factor.
    equal : bool, default False
        Whether a covariate of both processes has one coefficient in them.
    penalty : float, default 0
        L2 penalty on the coefficients of the standardised covariates: half of it times their sum of squares.

    Attributes
    ----------
    params_ : dict
        r, alpha (rates: gamma with shape r, rate alpha in units of time), a, b (chance to leave: beta).

    Notes
    -----
    The chance p to leave stands after *every* purchase, the first included. So a customer without a repeat
    purchase may have left, and `probability_alive` says how likely that is. Covariates act as in BG/NBD.

    References
    ----------
    Batislam, E. P., Denizel, M. and Filiztekin, A. (2007). Empirical validation and comparison of models for
    customer base analysis. International Journal of Research in Marketing 24(3), 201-209.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> import pandas as pd
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> model = clv.ModifiedBetaGeoNBD().fit(summary)
    >>> once = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [39.0]})
    >>> model.probability_alive(once)["probability_alive"].round(2).tolist()
    [0.39]
    """

    _formulas: ClassVar[ModuleType] = _modified_beta_geo
    _chances: ClassVar[int] = 1
