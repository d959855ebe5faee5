"""Simulate a company that has every table of the contracts, and whose truth is known."""

import copy
import datetime as dt
import json
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmkit import _params
from crmkit.errors import missing_extra

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_SHORTEST_DAYS = 365
_FEWEST = 20


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Company:
    """A simulated company: its tables, and the truth behind them.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        One table for every contract of `crmkit.tables`, with canonical names.
    truth : dict
        The true parameters, ready for JSON; `simulate_company` says what each means.
    latent : pandas.DataFrame
        What no company knows of its customers: ``customer_id``, ``purchase_rate_per_week`` (λ),
        ``dropout_probability`` (p), ``mean_spend`` (money an order), ``alive`` (at `as_of`),
        ``relationship_value`` (that managers rate).
    as_of : datetime.datetime
        The last day that the tables know of.
    label : str, default "simulated"
        To be shown wherever the data are shown.

    Examples
    --------
    >>> simulate_company(customers=100, random_state=7)
    Company(simulated, 100 customers, 21 tables, as of 2024-12-31)
    """

    tables: "dict[str, pd.DataFrame]"
    truth: dict[str, Any]
    latent: "pd.DataFrame"
    as_of: dt.datetime
    label: str = field(default="simulated")

    def __repr__(self) -> str:
        """Say what the company is and how large."""
        size = f"{len(self.latent)} customers, {len(self.tables)} tables"
        return f"Company({self.label}, {size}, as of {self.as_of:%Y-%m-%d})"

    def write(self, folder: str | Path, *, format: str = "csv") -> Path:  # noqa: A002 - pandas' own word
        """Write every table as a file of its name, and the truth as truth.json.

        Parameters
        ----------
        folder : str or pathlib.Path
            Where to; made if it does not exist. Files of the same names are replaced.
        format : {"csv", "parquet"}, default "csv"
            Format of the tables. Parquet needs pyarrow.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        ParameterError
            If the format is unknown.
        ImportError
            If Parquet is asked for and pyarrow is not installed.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = simulate_company(customers=100, random_state=7).write(folder)
        ...     len(list(written.glob("*.csv")))
        21
        """
        _params.choice("format", format, ("csv", "parquet"))
        if format == "parquet" and find_spec("pyarrow") is None:
            raise missing_extra("pyarrow", "arrow")
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for name, table in self.tables.items():
            path = target / f"{name}.{format}"
            if format == "csv":
                table.to_csv(path, index=False)
            else:
                table.to_parquet(path, index=False)
        about = {"label": self.label, "as_of": self.as_of.isoformat(), "truth": self.truth}
        (target / "truth.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        return target


def simulate_company(
    *,
    customers: int = 1000,
    random_state: "int | np.random.Generator",
    start: str | dt.date = "2022-01-01",
    as_of: str | dt.date = "2024-12-31",
) -> Company:
    """Simulate a company with every table of the contracts, consistent with each other, and known truth.

    Parameters
    ----------
    customers : int, default 1000
        Number of customers who have bought by `as_of`, at least 20. There are twice as many leads.
    random_state : int or numpy.random.Generator
        Seed; the same seed gives the same company.
    start : date, default "2022-01-01"
        First day of the company; nobody is a customer before.
    as_of : date, default "2024-12-31"
        Last day, at least 365 days later. Nothing that happened is dated after its first moment; plans
        (``opportunities.expected_close``, ``invoices.due_at``) may be.

    Returns
    -------
    Company
        Tables, truth, latent values of each customer, `as_of`, and the label "simulated".

    Raises
    ------
    ParameterError
        If an argument is outside its range.

    Notes
    -----
    What is true, by key of ``truth``:

    ``purchases``
        BG/NBD: after the first order, λ ~ Gamma(`r`, rate `alpha` weeks), dropout after each repeat order
        with p ~ Beta(`a`, `b`), in weeks of the seasonal clock. Orders with a ``campaign`` come on top: leave
        them out to recover these four (a fit on calendar days is close: season and merged days disturb it).
    ``spend``
        Gamma-gamma amount of an order, first and campaign orders included: Gamma(`p`, rate ν), ν ~
        Gamma(`q`, rate `gamma`). A return repeats the amount with a minus.
    ``season``
        Factors on the speed of buying by ``month`` (January first) and ``weekday`` (Monday first), mean 1.
    ``acquisition``
        Half of the customers or so come from won leads, on the day of the sale. Of the others (channel
        "direct"), `early_share` come in the first `early_days`. ``mean_cost`` by channel, in money.
    ``customers``
        Shares of regions and genders; age rises with the log of the value a year.
    ``leads``
        ``share`` of the channels; constant hazards ``won_per_week`` and ``lost_per_week``, which compete.
        Won leads pass all stages, lost ones were qualified or quoted with the probabilities given;
        `campaign_share` of the leads of a campaign channel answer a campaign.
    ``quotes``
        Log of quoted price over expected ``value``: normal with one mean if the deal is (or will be) won,
        another if lost; so the log odds of winning change by `log_odds_slope` for each unit of it.
    ``opportunities``
        ``bias``: factor by which each salesperson overstates the probability of winning.
    ``orders``
        `return_share` of orders come back after 3 to 30 days; `price_increase` a year; gross ``margin`` on
        the list price by category; channel shares by age band; the highest personal discount by segment.
    ``campaigns``
        A random `mailed_share` of the customers gets each e-mail campaign: probabilities of ``bounced``,
        ``opened`` (if active, or after dropout), ``clicked`` if opened, ``ordered`` if clicked, by age band.
    ``visits``
        Share of abandoned baskets among baskets; anonymous visits per customer.
    ``cases``
        Mean number per order (with a gamma frailty), share of complaints, probability of resolution at first
        contact, lognormal hours to the first response and the share within the limit, by channel.
    ``responses``
        Probabilities of nps groups, with and without an earlier complaint, and of csat and ces scores 1 to 5;
        share of answers without a score.
    ``interactions``
        Contacts per customer and year, by segment.
    ``subscriptions``
        Share of customers with a service contract (not in orders); months until it ends are geometric with a
        probability from Beta(`alpha`, `beta`).
    ``readings``
        Lognormal units a day of each meter.
    ``invoices``
        Lognormal days to pay, share never paid, share correct. Returns are not credited here.
    ``cost_rates``
        Money per unit of each activity's driver, over the whole time; ``unassigned_share`` more has no
        driver. The ledger agrees with the activities by category, to the cent.
    ``resources``
        Two departments pay for the activities whose drivers are minutes (sales contacts, customer service);
        their cost is the pool. ``utilization`` of the practical capacity, `practical_share` of the minutes.
    ``ratings``
        Relationship value is normal over customers. On each of the `attributes` of the `sheet`, it is off by
        a normal error of the customer's own, then by the rater's bias and error; rounded, from 1 to 5.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way: an
    alternative to the Pareto/NBD model. Marketing Science 24(2), 275-284, section 3.

    Fader, P. S. and Hardie, B. G. S. (2013). The gamma-gamma model of monetary value, equation 1.

    Examples
    --------
    >>> company = simulate_company(customers=100, random_state=7)
    >>> list(company.tables)[:5], len(company.tables["leads"])
    (['customers', 'orders', 'products', 'stock', 'leads'], 200)
    >>> company.truth["purchases"]
    {'r': 0.8, 'alpha': 8.0, 'a': 0.8, 'b': 6.0}
    """
    count = _params.integer("customers", customers, low=_FEWEST)
    rng = _params.generator(random_state)
    first, last = _params.date("start", start), _params.date("as_of", as_of)
    if (last.date() - first.date()).days < _SHORTEST_DAYS:
        _params.fail("as_of", f"at least {_SHORTEST_DAYS} days after `start`", as_of)
    from crmkit.datasets._company_truth import TRUTH

    last = dt.datetime.combine(last.date(), dt.time())
    tables, latent = _simulate(rng, count, first, last)
    return Company(tables=tables, truth=copy.deepcopy(TRUTH), latent=latent, as_of=last)


def _simulate(
    rng: "np.random.Generator", count: int, start: dt.datetime, as_of: dt.datetime
) -> "tuple[dict[str, pd.DataFrame], pd.DataFrame]":
    """Draw leads, then customers and purchases, then messages, then orders; then write the tables."""
    from crmkit.datasets import (
        _company_costs as costs,
        _company_customers as base,
        _company_leads as sales,
        _company_marketing as marketing,
        _company_orders as trade,
        _company_ratings as judgement,
        _company_service as service,
    )
    from crmkit.datasets._company_calendar import Calendar

    cal = Calendar.between(start, as_of)
    campaigns = marketing.plan_campaigns(cal)
    leads = sales.draw_leads(rng, cal, count, campaigns)
    people, buyers, moments = base.draw_people(rng, cal, count, leads)
    messages = marketing.draw_messages(rng, cal, campaigns, people)
    products = trade.draw_products(rng)
    orders = trade.draw_orders(rng, cal, people, (buyers, moments), messages, products)
    invoices, reminders = trade.invoices_table(rng, cal, orders, people)
    tables = {
        "customers": base.customers_table(rng, cal, people),
        "orders": trade.orders_table(cal, orders, people, campaigns),
        "products": trade.products_table(products),
        "stock": trade.stock_table(rng, cal, orders, products),
        **sales.sales_tables(rng, cal, leads, people.lead, orders.first_amounts, campaigns),
        **service.service_tables(rng, cal, people, orders),
        "campaigns": marketing.campaigns_table(cal, campaigns, messages, count),
        "messages": marketing.messages_table(cal, messages, campaigns, people),
        "visits": marketing.visits_table(rng, cal, people, orders),
        "invoices": invoices,
    }
    tables |= costs.cost_tables(cal, people, orders, tables, reminders)
    tables["ratings"], value = judgement.draw_ratings(rng, cal, people)
    return tables, base.latent_table(people).assign(relationship_value=value)
