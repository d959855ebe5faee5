"""Compare three published rules of thumb for the value of an average customer with the margin multiple."""

from dataclasses import dataclass

from crmkit import _params
from crmkit.clv.margin import MarginMultiple, Result, margin_multiple, short

WEEKS_PER_YEAR = 52


@dataclass(frozen=True, slots=True, repr=False)
class AverageCustomerValue(Result):
    """The value of an average customer by the three published rules of thumb, and by the margin multiple.

    Parameters
    ----------
    corrected : float
        Margin a year times the margin multiple: the number to use, and what ``float()`` gives.
    simple : float
        Spend a week over all the years: revenue, neither margin nor discounted.
    custom : float
        Visits times spend a visit times margin over all the years: margin, not discounted.
    traditional : float
        Margin of *all the years* times the margin multiple, as published: the lifetime is counted twice.
    mean : float
        Mean of the three rules, as published.
    annual_margin : float
        Margin of one year, at the spend a week that is given.
    years : float
        Length of a customer's life in the three rules.
    multiple : MarginMultiple
        The factor, with its rates a year.

    Examples
    --------
    >>> cafe = average_customer_value(5.90, 4.2, weekly_spend=24.30, years=20, margin=0.213,
    ...                               retention=0.75, discount=0.10)
    >>> cafe
    AverageCustomerValue(576.74; published rules: simple 25272.00, custom 5489.27,
    traditional 11534.86, mean 14098.71)
    >>> print(cafe.explanation)
    A year brings a margin of 269.15 and the margin multiple is 2.1429, so a customer is worth 576.74.
    The traditional rule gives 11534.86, 20 times as much, because it multiplies the margin of all
    20 years by a factor that already stands for the whole lifetime.
    """

    corrected: float
    simple: float
    custom: float
    traditional: float
    mean: float
    annual_margin: float
    years: float
    multiple: MarginMultiple

    def __float__(self) -> float:
        return self.corrected

    def __repr__(self) -> str:
        return (
            f"AverageCustomerValue({self.corrected:.2f}; published rules: simple {self.simple:.2f}, "
            f"custom {self.custom:.2f}, traditional {self.traditional:.2f}, mean {self.mean:.2f})"
        )

    @property
    def explanation(self) -> str:
        """Why the traditional rule and the corrected value differ, in words."""
        return (
            f"A year brings a margin of {self.annual_margin:.2f} and the margin multiple is "
            f"{short(float(self.multiple))}, so a customer is worth {self.corrected:.2f}. "
            f"The traditional rule gives {self.traditional:.2f}, {self.years:g} times as much, because it "
            f"multiplies the margin of all {self.years:g} years by a factor that already stands for the "
            "whole lifetime."
        )


def average_customer_value(
    spend_per_visit: float,
    visits_per_week: float,
    *,
    years: float,
    margin: float,
    retention: float,
    discount: float,
    weekly_spend: float | None = None,
) -> AverageCustomerValue:
    """Compare three published rules of thumb for an average customer with the margin multiple.

    Parameters
    ----------
    spend_per_visit : float
        Average spend a visit.
    visits_per_week : float
        Average visits a week; a year counts 52 weeks, as in the published case.
    years : float
        Length of a customer's life, above 0.
    margin : float
        Margin as a share of revenue, 0 to 1.
    retention, discount : float
        Rates a year, as in `margin_multiple`.
    weekly_spend : float, optional
        Average spend a week where it is known by itself; None takes spend a visit times visits a week.

    Returns
    -------
    AverageCustomerValue
        The rules "simple", "custom" and "traditional" and their mean as published, and beside them the value
        by the margin multiple, which ``float()`` gives; ``explanation`` says why they differ.

    Raises
    ------
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    The three rules do not measure one thing (revenue, margin, and a margin whose lifetime is counted twice),
    so their mean is reported only to reproduce the published figure.

    Examples
    --------
    >>> cafe = average_customer_value(5.90, 4.2, weekly_spend=24.30, years=20, margin=0.213,
    ...                               retention=0.75, discount=0.10)
    >>> round(cafe.traditional, 2), round(cafe.corrected, 2)
    (11534.86, 576.74)
    """
    s = _params.number("spend_per_visit", spend_per_visit, low=0)
    v = _params.number("visits_per_week", visits_per_week, low=0)
    a = s * v if weekly_spend is None else _params.number("weekly_spend", weekly_spend, low=0)
    t = _params.number("years", years, low=0, open_low=True)
    p = _params.share("margin", margin)
    multiple = margin_multiple(retention=retention, discount=discount)
    annual = WEEKS_PER_YEAR * a * p
    simple = WEEKS_PER_YEAR * a * t
    custom = t * WEEKS_PER_YEAR * s * v * p
    traditional = simple * p * float(multiple)
    return AverageCustomerValue(
        corrected=annual * float(multiple),
        simple=simple,
        custom=custom,
        traditional=traditional,
        mean=(simple + custom + traditional) / 3,
        annual_margin=annual,
        years=t,
        multiple=multiple,
    )
