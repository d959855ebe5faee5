"""Draw how many contracts are renewed, beside what contract models expect, and project it."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from crmkit import _frames, _params
from crmkit.errors import DataError
from crmkit.plot import _customers, style
from crmkit.plot._customers import DASHES

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from crmkit.clv._renewal_model import RenewalModel
    from crmkit.clv._renewals import Renewals

_LONGEST = 10_000
_LETTERS = 12  # of a line beside an upright one


def survival_chart(
    observed: object,
    *,
    models: "Mapping[str, RenewalModel]",
    periods: int | None = None,
    width: float = style.WIDE,
) -> "Figure":
    """Draw survival and retention rates of contracts beside what models expect, beyond their data too.

    Parameters
    ----------
    observed : DataFrame or mapping of arrays
        Of any engine, survivors as `fit_survivors` of the models reads them (``period``, ``survivors`` and
        optionally ``cohort``), or single contracts as their `fit` does (``tenure``, ``churned`` and
        optionally ``weight``). It may be longer than what the models were fitted on.
    models : mapping of str to fitted model
        Up to five models, `ShiftedBetaGeometric` or `BetaDiscreteWeibull`, by the name in the legend.
    periods : int, optional
        The renewal that the models' lines reach at least; None is half as many again as were observed.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        Two pictures: the share of the customers who are left after each renewal, and the share of those up
        for it who renew, with its 95 % interval (Wilson). Dots are what happened, broken lines the models.
        An upright line stands where the data that a model was fitted on end: beyond it is projection.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    CRMKitError
        If a model is not fitted.
    DataError
        If rows contradict themselves, or nobody was up for a renewal.
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    Cohorts are followed for different times: their retention rates are those of all customers up for a
    renewal together, and survival is the product of these (Kaplan–Meier). Each cohort is a thin line, too.

    References
    ----------
    Fader, P. S. and Hardie, B. G. S. (2007). How to project customer retention. Journal of Interactive
    Marketing 21(1), 76-90.

    Examples
    --------
    Seven years of customers, and the five after them that the model did not see.

    >>> from crmkit import clv
    >>> left = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]
    >>> seen = {"period": range(8), "survivors": left[:8]}
    >>> drawn = survival_chart(
    ...     {"period": range(13), "survivors": left},
    ...     models={"sBG": clv.ShiftedBetaGeometric(unit="year").fit_survivors(seen)},
    ... )
    >>> [axes.get_ylabel() for axes in drawn.axes]
    ['survival', 'retention rate']
    >>> drawn.axes[0].get_title(loc="left").replace(chr(8239), " ")
    '1 000 customers, 12 renewals observed'
    """
    chosen = _contract_models(models)
    found, cohorts = _read(observed)
    rate = 1 - found.churned / found.at_risk
    past = max(len(rate), *(len(model.at_risk_) for model in chosen.values()))
    last = past + (past + 1) // 2
    if periods is not None:
        last = max(len(rate), _params.integer("periods", periods, low=1, high=_LONGEST))
    drawn, staying, renewing = _panels(width)
    for shares in cohorts:
        label = "a cohort" if shares is cohorts[0] else None
        staying.plot(np.arange(len(shares)), shares, color=style.SKY, linewidth=0.9, label=label)
    dots: dict[str, Any] = {"fmt": "o", "color": style.INK, "markersize": 4.5, "elinewidth": 1.3}
    staying.errorbar(np.arange(len(rate) + 1), np.cumprod([1.0, *rate]), label="observed", **dots)
    renewing.errorbar(np.arange(1, len(rate) + 1), rate, yerr=_interval(found), **dots)
    for (name, model), colour, dashes in zip(chosen.items(), style.SERIES, DASHES, strict=False):
        curve = model.retention_curve(periods=last)
        line: dict[str, Any] = {"color": colour, "linewidth": 2, "linestyle": dashes, "label": name}
        staying.plot([0, *curve["period"]], [1.0, *curve["survival"]], **line)
        renewing.plot(curve["period"], curve["retention_rate"], **line)
    _mark_projection((staying, renewing), chosen, last)
    many = f" in {_counted(len(cohorts), 'cohort')}" if cohorts else ""
    title = f"{style.number(found.customers)} customers{many}, {_counted(len(rate), 'renewal')} observed"
    _finish((staying, renewing), chosen, title, narrow=width < 5)
    return drawn


def _contract_models(models: "Mapping[str, RenewalModel]") -> "dict[str, RenewalModel]":
    from crmkit.clv._renewal_model import RenewalModel

    chosen: dict[str, Any] = _customers.compared(models)
    for model in chosen.values():
        if not isinstance(model, RenewalModel):
            _params.fail("models", "fitted ShiftedBetaGeometric or BetaDiscreteWeibull", model)
        model._require_fitted()
    return chosen


def _read(observed: object) -> "tuple[Renewals, list[npt.NDArray[np.float64]]]":
    """Count the renewals, and return the survival of each cohort where cohorts are given."""
    from crmkit.clv import _renewals
    from crmkit.clv.btyd._reading import as_frame

    frame, cohorts = as_frame(observed), []
    present = _frames.lazy(frame, table="observed").collect_schema().names()
    if "tenure" in present and "survivors" not in present:
        with _renewals.naming("observed"):
            found = _renewals.from_customers(frame)
    else:
        roles = {"period": "number", "survivors": "number", "cohort": "label"}
        rows = _frames.collect(_frames.scan(frame, roles, table="observed", optional=["cohort"]))
        with _renewals.naming("observed"):
            found = _renewals.from_survivors(rows)
        if "cohort" in rows:
            apart = rows.sort_values("period").groupby("cohort")["survivors"]
            cohorts = [one.to_numpy(dtype=float) / one.iloc[0] for _, one in apart if one.iloc[0] > 0]
    if not found.at_risk[0] > 0:
        msg = "`observed` must have at least one customer up for a renewal. Found none."
        raise DataError(msg)
    return found, cohorts


def _interval(found: "Renewals") -> Any:
    """Return how far the ends of the intervals lie below and above the retention rates."""
    from crmkit.stats.intervals import wilson_bounds

    stayed = found.at_risk - found.churned
    lower, upper = wilson_bounds(stayed, found.at_risk)
    return np.maximum([stayed / found.at_risk - lower, upper - stayed / found.at_risk], 0)


def _panels(width: float) -> "tuple[Figure, Axes, Axes]":
    """Make two pictures side by side, in narrow figures one below the other."""
    beside = width >= 5
    drawn, only = style.figure(width, 3.1 if beside else 5.4)
    drawn.delaxes(only)
    first, second = drawn.subplots(1, 2) if beside else drawn.subplots(2, 1)
    for axes in (first, second):
        style.plain(axes)
        style.shares(axes.yaxis)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.yaxis.get_major_locator().set_params(steps=[1, 2, 5, 10])  # whole per cents
    return drawn, first, second


def _mark_projection(panels: "Sequence[Axes]", models: "Mapping[str, RenewalModel]", last: int) -> None:
    """Draw a line where the data of the models end, for each length of them."""
    ends: dict[int, list[str]] = {}
    for name, model in models.items():
        ends.setdefault(len(model.at_risk_), []).append(name)
    lines = 0
    for end, names in sorted(ends.items()):
        if end >= last:
            continue
        text = textwrap.fill("projection" + f" of {', '.join(names)}" * (len(ends) > 1), _LETTERS)
        for axes, height, up in zip(panels, (1, 0), (-1, 1), strict=True):
            axes.axvline(end, color=style.ORANGE, linewidth=1.2, zorder=1.5)
            beside = axes.annotate(
                text,
                (end, height),
                xycoords=("data", "axes fraction"),
                xytext=(5, up * (3 + 12 * lines)),
                textcoords="offset points",
                va="top" if height else "bottom",
                fontsize=9,
                color=style.ORANGE,
            )
            beside.set_in_layout(False)
        lines += text.count("\n") + 1


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count > 1)}"


def _finish(
    panels: "Sequence[Axes]", models: "Mapping[str, RenewalModel]", title: str, *, narrow: bool
) -> None:
    """Name the axes, and put title and legend above the first picture, across both."""
    units = {model.unit_ for model in models.values()}
    unit = units.pop() if len(units) == 1 else None
    for axes, what in zip(panels, ("survival", "retention rate"), strict=True):
        axes.set_xlabel(f"renewals, one a {unit}" if unit else "renewals")
        axes.set_ylabel(what)
    panels[0].set_ylim(0, 1.04)
    _customers.titled(panels[0], title, narrow=narrow)
    legend = _customers.legend_above(panels[0], 2 if narrow else 6)
    legend.set_in_layout(False)  # it may be wider than the first picture
