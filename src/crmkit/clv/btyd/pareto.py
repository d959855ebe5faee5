"""Name the model in which customers may leave at any time: Pareto/NBD."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

from crmkit.clv.btyd import _pareto
from crmkit.clv.btyd._design import Acting
from crmkit.clv.btyd._special import Floats, Params
from crmkit.clv.btyd.customer_base import COVARIATE_OPTIONS, CustomerBaseModel


class ParetoNBD(CustomerBaseModel):
    """Pareto/NBD: customers buy at random at rates of their own till they leave, at any time and unseen.

    Parameters
    ----------
    unit : {"day", "week", "month", "quarter", "year"}, optional
        Unit of time of the data; None takes it from the column ``unit`` of the frame.
    purchase : str or list of str, optional
        Covariates of the purchase rate: columns, or a formula such as "channel + age".
    dropout : str or list of str, optional
        Covariates of the dropout rate.
    equal : bool, default False
        Whether a covariate of both processes has one coefficient in them.
    penalty : float, default 0
        L2 penalty on the coefficients of the standardised covariates: half of it times their sum of squares.

    Attributes
    ----------
    params_ : dict
        r, alpha (purchase rates: gamma with shape r, rate alpha), s, beta (dropout rates: gamma).

    Notes
    -----
    Purchases are a Poisson process with a rate λ, lifetimes are exponential with a rate μ; λ and μ vary
    independently, as Gamma(r, α) and Gamma(s, β). Covariates: α_i = α exp(−γ'x), β_i = β exp(−γ'x).

    References
    ----------
    Schmittlein, D. C., Morrison, D. G. and Colombo, R. (1987). Counting your customers: who are they and what
    will they do next? Management Science 33(1), 1-24.

    Examples
    --------
    The published estimates for CDNOW: r .553, α 10.578, s .606, β 11.669, log-likelihood −9595.0.

    >>> from crmkit import clv, datasets
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> model = clv.ParetoNBD().fit(summary)
    >>> {name: round(value, 3) for name, value in model.params_.items()}
    {'r': 0.553, 'alpha': 10.578, 's': 0.606, 'beta': 11.669}
    >>> round(model.log_likelihood_, 1)
    -9595.0
    """

    _formulas: ClassVar[ModuleType] = _pareto
    _names: ClassVar[tuple[str, ...]] = _pareto.NAMES
    _scaled: ClassVar[tuple[str, ...]] = ("alpha", "beta")
    _acting: ClassVar[Acting] = {
        "purchase": [("alpha", -1, "purchase")],
        "dropout": [("beta", -1, "dropout")],
    }
    _options: ClassVar[dict[str, Any]] = COVARIATE_OPTIONS
    _limits: ClassVar[Mapping[str, str]] = {
        "r → ∞, alpha → ∞": "all customers buy at the same rate",
        "s → ∞, beta → ∞": "all customers leave at the same rate",
        "s → 0": "nobody leaves",
        "beta → ∞": "nobody leaves",
        "beta → 0": "some customers leave at once, the others hardly ever",
        "s → 0, beta → 0": "some customers leave at once, the others hardly ever",
        "r → ∞, alpha → ∞, beta → 0": "all customers buy at the same rate; some leave at once, the others "
        "hardly ever",
    }

    _levers: ClassVar[Mapping[str, tuple[int, int]]] = {"dropout": (3, -1), "purchase_rate": (1, -1)}

    def __init__(
        self,
        *,
        unit: str | None = None,
        purchase: str | Sequence[str] | None = None,
        dropout: str | Sequence[str] | None = None,
        equal: bool = False,
        penalty: float = 0.0,
    ) -> None:
        self.unit = unit
        self.purchase = purchase
        self.dropout = dropout
        self.equal = equal
        self.penalty = penalty

    def _from_now(self, params: Params, *data: Floats) -> tuple[ModuleType, Params]:
        (r, alpha, s, beta), (x, _, T) = params, data
        return _pareto, (r + x, alpha + T, s + 0 * x, beta + T)
