"""Compare fitted models of one data set: the likelihood-ratio test of a model inside another."""

from dataclasses import asdict, dataclass

from crmkit import _params
from crmkit.clv.btyd.estimates import Estimates


@dataclass(frozen=True, slots=True)
class LikelihoodRatioTest:
    """Hold a likelihood-ratio test of a model against a larger one that contains it.

    Parameters
    ----------
    statistic : float
        2 (ln L of the larger − ln L of the smaller).
    degrees_of_freedom : int
        Numbers that the larger model estimates beyond the smaller.
    p_value : float
        Chance of such a statistic or a higher one if the smaller model is true.

    Examples
    --------
    >>> LikelihoodRatioTest(3.84, 1, 0.05).to_dict()
    {'statistic': 3.84, 'degrees_of_freedom': 1, 'p_value': 0.05}
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float

    def __float__(self) -> float:
        return float(self.p_value)

    def to_dict(self) -> dict[str, float]:
        """Return the fields as a plain dictionary, ready for JSON.

        Returns
        -------
        dict
            One item a field.

        Examples
        --------
        >>> LikelihoodRatioTest(0.0, 2, 1.0).to_dict()["p_value"]
        1.0
        """
        return asdict(self)


def likelihood_ratio_test(smaller: Estimates, larger: Estimates) -> LikelihoodRatioTest:
    """Test a fitted model against a larger one that contains it, such as the same with covariates.

    Parameters
    ----------
    smaller, larger : fitted models
        Both fitted to the same customers; the smaller is the larger with some coefficients 0 or equal.

    Returns
    -------
    LikelihoodRatioTest
        Statistic, degrees of freedom and p-value.

    Raises
    ------
    ParameterError
        If the models are of different kinds, penalised, fitted to different customers, or the larger one does
        not estimate more.

    References
    ----------
    Wilks, S. S. (1938). The large-sample distribution of the likelihood ratio for testing composite
    hypotheses. Annals of Mathematical Statistics 9(1), 60-62.

    Examples
    --------
    >>> import numpy as np
    >>> from crmkit import clv, datasets
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> noise = np.random.default_rng(1).integers(0, 2, len(summary)).astype(float)
    >>> plain = clv.ParetoNBD().fit(summary)
    >>> split = clv.ParetoNBD(purchase=["noise"]).fit(summary.assign(noise=noise))
    >>> test = likelihood_ratio_test(plain, split)
    >>> test.degrees_of_freedom, test.p_value > 0.05
    (1, True)
    """
    from scipy.special import chdtrc

    for name, model in (("smaller", smaller), ("larger", larger)):
        if not isinstance(model, Estimates):
            _params.fail(name, "a fitted model", model)
    degrees = len(larger._all_names()) - len(smaller._all_names())
    if type(smaller) is not type(larger) or degrees < 1:
        _params.fail("larger", "a model of the same kind that estimates more numbers", larger)
    if smaller.n_customers_ != larger.n_customers_:
        _params.fail("larger", f"fitted to the same {smaller.n_customers_:.10g} customers", larger)
    if any(model._layout.design.penalty for model in (smaller, larger)):
        _params.fail("larger", "fitted without a penalty, as the smaller", larger)
    statistic = max(0.0, 2 * (larger.log_likelihood_ - smaller.log_likelihood_))
    return LikelihoodRatioTest(statistic, degrees, float(chdtrc(degrees, statistic)))
