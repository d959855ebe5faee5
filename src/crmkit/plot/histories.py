"""Draw what a model says of customers by their history: matrices of frequency and recency, and one life."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from crmkit import _frames, _params, periods
from crmkit.errors import DataError
from crmkit.plot import _customers, style
from crmkit.tables import _occasions

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.figure import Figure

    from crmkit.clv.btyd.customer_base import CustomerBaseModel

_CELLS = 60  # along each side of a matrix
_POINTS = 40  # between two purchases


def expected_purchases_matrix(
    model: "CustomerBaseModel",
    summary: object,
    *,
    horizon: float,
    highest: int | None = None,
    longest: float | None = None,
    covariates: Mapping[str, Any] | None = None,
    width: float = style.WIDE,
) -> "Figure":
    """Draw how often a customer is expected to buy, for every frequency and recency.

    Parameters
    ----------
    model : fitted model of the customer base
        The model to evaluate.
    summary : DataFrame
        The customers whose highest frequency and longest time give the matrix its size, of any engine.
    horizon : float
        Length of time from the end of the data on, in the model's unit.
    highest : int, optional
        Highest frequency, at least 1; None takes that of the summary.
    longest : float, optional
        T of all customers drawn and their longest recency, above 0, in the model's unit; a number of
        opportunities where the model counts them. None takes the longest T of the summary.
    covariates : mapping, optional
        Covariate → value, of a model that has them: the matrix is that of customers with these.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A field for each of at most 61 frequencies and 61 recencies; impossible ones are empty.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If the summary is empty or in another unit of time.
    ParameterError
        If an argument is outside its range, or the covariates are not those of the model.

    Notes
    -----
    All fields are customers of the same T. Many purchases long ago are worth little: such a
    customer has probably left. A customer who never bought again has the field at the origin.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> drawn = expected_purchases_matrix(clv.ParetoNBD().fit(summary), summary, horizon=39)
    >>> drawn.axes[0].get_xlabel()
    'recency (age at the last purchase), weeks'
    """
    time = _params.number("horizon", horizon, low=0)
    grid = _grid(model, summary, highest, longest, covariates)
    values = model.expected_purchases(grid.rows, horizon=time)["expected_purchases"].to_numpy()
    ahead = _customers.stretch(model, time).removeprefix("1 ")
    return _drawn(grid, values, model, f"expected purchases\nin the next {ahead}", width)


def probability_alive_matrix(
    model: "CustomerBaseModel",
    summary: object,
    *,
    highest: int | None = None,
    longest: float | None = None,
    covariates: Mapping[str, Any] | None = None,
    width: float = style.WIDE,
) -> "Figure":
    """Draw how likely it is that a customer has not left, for every frequency and recency.

    Parameters
    ----------
    model : fitted model of the customer base
        The model to evaluate.
    summary : DataFrame
        The customers whose highest frequency and longest time give the matrix its size, of any engine.
    highest : int, optional
        Highest frequency, at least 1; None takes that of the summary.
    longest : float, optional
        T of all customers drawn and their longest recency, above 0, in the model's unit; a number of
        opportunities where the model counts them. None takes the longest T of the summary.
    covariates : mapping, optional
        Covariate → value, of a model that has them: the matrix is that of customers with these.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A field for each of at most 61 frequencies and 61 recencies; impossible ones are empty.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If the summary is empty or in another unit of time.
    ParameterError
        If an argument is outside its range, or the covariates are not those of the model.

    Notes
    -----
    All fields are customers of the same T. BG/NBD gives the field at the origin, customers who never bought
    again, a probability of 1 by construction.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> summary = clv.summarize(datasets.load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    >>> drawn = probability_alive_matrix(clv.BetaGeoNBD().fit(summary), summary, highest=20)
    >>> float(drawn.axes[0].collections[0].get_array()[0, 0])
    1.0
    """
    grid = _grid(model, summary, highest, longest, covariates)
    values = model.probability_alive(grid.rows)["probability_alive"].to_numpy()
    return _drawn(grid, values, model, "probability alive", width, share=True)


class _Grid:
    """Hold the possible histories of a matrix, and where each stands."""

    def __init__(self, frequency: Any, recency: Any, end: float, age: str, known: dict[str, Any]) -> None:
        import pandas as pd

        self.frequency, self.recency = frequency, recency
        y, x = np.meshgrid(frequency, recency, indexing="ij")
        self.possible = (y > 0) == (x > 0)
        if age == "n_periods":
            self.possible &= y <= x
        cells = {"frequency": y[self.possible], "recency": x[self.possible], age: float(end)}
        self.rows = pd.DataFrame(cells).assign(**known)
        self.known = known


def _grid(
    model: "CustomerBaseModel",
    summary: object,
    highest: int | None,
    longest: float | None,
    covariates: Mapping[str, Any] | None,
) -> _Grid:
    age = _customers.age_column(model)
    whole, known = age == "n_periods", _customers.required(model, covariates)
    roles = {"frequency": "number", age: "number", "unit": "label"}
    rows = _frames.scan(summary, roles, table="summary", optional=("unit",))
    units = [nw.col("unit").max()] if "unit" in rows.collect_schema().names() else []
    most = _frames.collect(rows.select(nw.col("frequency").max(), nw.col(age).max(), *units)).iloc[0]
    if not (most["frequency"] > 0 or highest) or not (most[age] > 0 or longest):
        msg = (
            f"`summary` must have a customer with repeat purchases and one with '{age}' above 0. "
            f"Found a highest frequency of {most['frequency']:g} and {age} of {most[age]:g}."
        )
        raise DataError(msg)
    top = int(most["frequency"]) if highest is None else _params.integer("highest", highest, low=1)
    end = float(most[age]) if longest is None else _longest(longest, whole=whole)
    columns = _steps(int(end)) if whole else np.linspace(0, end, _CELLS + 1)
    found = _Grid(_steps(min(top, int(end)) if whole else top), columns, end, age, known)
    found.rows = found.rows.assign(**{name: most[name] for name in ["unit"][: len(units)]})
    return found


def _longest(value: float, *, whole: bool) -> float:
    if whole:
        return float(_params.integer("longest", value, low=1))
    return _params.number("longest", value, low=0, open_low=True)


def _steps(top: int) -> "npt.NDArray[np.float64]":
    """Return 0, … up to `top` in equal whole steps, at most 61 of them."""
    step = -(-top // _CELLS)
    return np.arange(0, top + 1, step, dtype=float)


def _drawn(
    grid: _Grid, values: Any, model: "CustomerBaseModel", what: str, width: float, *, share: bool = False
) -> "Figure":
    table = np.full(grid.possible.shape, np.nan)
    table[grid.possible] = values
    drawn, axes = style.figure(width, 3.6)
    axes.grid(visible=False)
    limit = 1.0 if share else max(float(np.max(values)), 1e-12)
    field = axes.pcolormesh(
        grid.recency, grid.frequency, table, cmap="viridis", shading="nearest", vmin=0, vmax=limit
    )
    field.set_rasterized(True)
    bar = drawn.colorbar(field, ax=axes, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=9, colors=style.INK)
    bar.set_label(what, color=style.SOFT, fontsize=9)
    if share:
        style.shares(bar.ax.yaxis)
    unit = _customers.time_unit(model, opportunities="number of the opportunity")
    axes.locator_params(axis="y", integer=True)
    axes.set_xlabel(style.unit_label("recency (age at the last purchase)", unit))
    axes.set_ylabel("frequency (repeat purchases)")
    end = _customers.stretch(model, float(grid.rows[_customers.age_column(model)].iloc[0]))
    once = f"{style.number(100 * table[0, 0])}\u00a0%" if share else f"{table[0, 0]:.3g}"
    lines = [
        _customers.named(model),
        f"customers of {end}; no repeat purchase (field at the origin): {once}",
    ]
    if grid.known:
        lines.append("with " + ", ".join(f"{name} {value}" for name, value in grid.known.items()))
    _customers.titled(axes, "\n".join(lines), narrow=width < 5)
    return drawn


def alive_history(
    model: "CustomerBaseModel",
    orders: object,
    *,
    customer_id: Any,
    as_of: object,
    monetary: bool = True,
    covariates: Mapping[str, Any] | None = None,
    width: float = style.WIDE,
) -> "Figure":
    """Draw how likely one customer was to be still a customer, from the first purchase on.

    Parameters
    ----------
    model : fitted model of the customer base
        A model of customers with T; its unit of time must be known.
    orders : DataFrame
        An orders table with the customer's purchases: ``customer_id``, ``order_date`` and ``amount``, of any
        engine.
    customer_id : value of that column
        The customer.
    as_of : date, datetime or ISO text
        The last day of the picture.
    monetary : bool, default True
        Whether to read ``amount``. Without it no return can be told from a purchase.
    covariates : mapping, optional
        Covariate → the customer's value, of a model that has them.
    width : float, default 7.4
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure
        A line that falls while nothing is bought and jumps at each purchase; purchases are ticks.

    Raises
    ------
    ColumnError
        If a column is missing or of the wrong type.
    DataError
        If the customer has no purchase up to the day.
    ParameterError
        If an argument is outside its range, the unit of time is unknown, or the covariates are not those of
        the model.

    Notes
    -----
    Each point is the probability that the model gave the purchases up to then; the parameters are those of
    the fit. Purchases of one day are one, and a day whose returns leave nothing of it is none, as in
    `crmkit.clv.summarize`.

    Examples
    --------
    >>> from crmkit import clv, datasets
    >>> orders = datasets.load_cdnow(sample=True)
    >>> model = clv.ParetoNBD().fit(clv.summarize(orders, as_of="1997-09-30", after="drop"))
    >>> drawn = alive_history(model, orders, customer_id=4, as_of="1998-06-30")
    >>> drawn.axes[0].get_title(loc="left")
    'customer 4: 4 purchases from 1997-01-01 to 1998-06-30'
    """
    if model.unit_ is None or _customers.age_column(model) != "T":
        _params.fail("model", "fitted on customers with T in a known unit of time", model)
    known = _customers.required(model, covariates)
    end = _params.day("as_of", as_of)
    days = _days(orders, customer_id, end, monetary=monetary)
    life = _life(days, int((np.datetime64(end, "D") - days[0]).astype(int)), model.unit_)
    found = model.probability_alive(life.assign(unit=model.unit_, **known))
    when = days[0] + (life["day"].to_numpy() * 86_400).astype("timedelta64[s]")
    drawn, axes = style.figure(width, 2.9)
    lasting = when[-1] > when[0]
    mark = "" if lasting else "o"  # no line leads through the day of the first purchase
    axes.plot(
        when,
        found["probability_alive"],
        color=style.BLUE,
        linewidth=2,
        marker=mark,
        label="probability alive",
    )
    axes.fill_between(when, found["probability_alive"], color=style.SKY, alpha=0.35, linewidth=0)
    axes.vlines(days, -0.075, -0.02, color=style.ORANGE, linewidth=1.6, label="purchase")
    axes.set_ylim(-0.09, 1.03)
    before = (when[-1] - when[0]) // 100 if lasting else np.timedelta64(1, "D")
    axes.set_xlim(when[0] - before, when[-1] if lasting else when[0] + before)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    style.shares(axes.yaxis)
    _customers.dated(axes, when[0], when[-1], 4 if width < 5 else 8)
    purchases = f"{len(days)} purchase{'s' * (len(days) > 1)}"
    _customers.titled(
        axes, f"customer {customer_id}: {purchases} from {days[0]} to {end:%Y-%m-%d}", narrow=width < 5
    )
    _customers.legend_above(axes, 2)
    return drawn


def _days(orders: object, customer: Any, end: Any, *, monetary: bool) -> "npt.NDArray[np.datetime64]":
    """Return the days on which a customer bought, in order."""
    rules = _occasions.rules(as_of=end, monetary=monetary)
    rows = _occasions.read(orders, monetary=rules.monetary).filter(nw.col("customer_id") == customer)
    rows = rows.filter(~_occasions.too_late(rules))
    bought = _occasions.merged(rows, rules.merge).filter(~_occasions.cancelled())
    days = _frames.collect(bought.select("day").sort("day"))["day"].to_numpy().astype("datetime64[D]")
    if not len(days):
        msg = (
            f"`orders` must have a purchase of customer {customer!r} on or before {end:%Y-%m-%d}. Found none."
        )
        raise DataError(msg)
    return days


def _life(days: "npt.NDArray[np.datetime64]", age: int, unit: str) -> "pd.DataFrame":
    """Return the customer's summary at many times: at each purchase, just after it and till the next."""
    import pandas as pd

    bought = (days - days[0]).astype(float)
    ends = np.append(bought[1:], float(age))
    share = np.linspace(0, 1, _POINTS)
    day = (bought[:, None] + (ends - bought)[:, None] * share).ravel()
    length = periods.days_in(unit)
    frequency = np.repeat(np.arange(len(days)), _POINTS)
    recency = np.repeat(bought, _POINTS)
    return pd.DataFrame({"day": day, "frequency": frequency, "recency": recency / length, "T": day / length})
