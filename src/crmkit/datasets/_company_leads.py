"""Leads of the simulated company, their quotes and the sales pipeline.

A lead of channel c is won with hazard w_c and lost with hazard l_c a week, whichever comes first. Its
outcome is settled at birth and shown only when its day has come: young leads are open.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crmkit.datasets._company_calendar import Calendar, Flags, Floats, Ints, Texts, draw, keys, pick, values
from crmkit.datasets._company_marketing import CAMPAIGN_DAYS, Campaigns
from crmkit.datasets._company_truth import LEAD_CHANNELS, REGIONS, SALESPEOPLE, TRUTH


@dataclass(frozen=True, slots=True)
class Leads:
    """What happens to each lead, known or not yet: moments in days, NaN for a stage that is never reached."""

    channel: Ints
    campaign: Ints
    region: Ints
    salesperson: Ints
    created: Floats
    qualified: Floats
    quoted: Floats
    closed: Floats
    wins: Flags
    sold: Flags

    @property
    def ids(self) -> Texts:
        """Return the key of each lead."""
        return keys("L", len(self.created))


def draw_leads(rng: np.random.Generator, cal: Calendar, customers: int, campaigns: Campaigns) -> Leads:
    """Draw the fate of every lead."""
    truth = TRUTH["leads"]
    count = customers * int(truth["per_customer"])
    channel = draw(rng, truth["share"], count)
    created = cal.from_clock(rng.random(count) * cal.clock[cal.days])
    created, campaign = _answer_campaigns(rng, channel, created, campaigns)
    order = np.argsort(created, kind="stable")
    channel, created, campaign = channel[order], created[order], campaign[order]
    won, lost = (values(truth[name], LEAD_CHANNELS)[channel] for name in ("won_per_week", "lost_per_week"))
    wait = rng.exponential(7 / (won + lost))
    wins = rng.random(count) < won / (won + lost)
    closing = wins & (created + wait < cal.days)
    sold = closing & (np.cumsum(closing) <= customers)  # a bound for tiny companies: a sale is a customer
    wait = np.where(closing & ~sold, np.inf, wait)
    qualified, quoted = _stages(rng, wins)
    return Leads(
        channel=channel,
        campaign=campaign,
        region=draw(rng, TRUTH["customers"]["region_share"], count),
        salesperson=rng.integers(len(SALESPEOPLE), size=count),
        created=created,
        qualified=created + qualified * wait,
        quoted=created + quoted * wait,
        closed=created + wait,
        wins=wins,
        sold=sold,
    )


def _stages(rng: np.random.Generator, wins: Flags) -> tuple[Floats, Floats]:
    """Draw after which share of its life a lead is qualified and quoted; NaN if it is lost before."""
    truth, count = TRUTH["leads"], len(wins)
    reach = rng.random(count)
    first, second = rng.beta(2, 4, count), rng.beta(2, 2, count)
    qualified = np.where(wins | (reach < truth["lost_but_qualified"]), first, np.nan)
    quoted = np.where(wins | (reach < truth["lost_but_quoted"]), first + (1 - first) * second, np.nan)
    return qualified, quoted


def _answer_campaigns(
    rng: np.random.Generator, channel: Ints, created: Floats, campaigns: Campaigns
) -> tuple[Floats, Ints]:
    """Move a share of the leads of a campaign's channel into the days of one of its campaigns."""
    campaign = np.full(len(channel), -1, dtype=np.int64)
    answers = rng.random(len(channel)) < TRUTH["leads"]["campaign_share"]
    which, day = rng.random(len(channel)), rng.random(len(channel)) * CAMPAIGN_DAYS
    for name in sorted(set(campaigns.channel)):
        own = np.flatnonzero(np.array(campaigns.channel) == name)
        rows = np.flatnonzero((channel == LEAD_CHANNELS.index(name)) & answers)
        campaign[rows] = own[(which[rows] * len(own)).astype(np.int64)]
    return np.where(campaign >= 0, campaigns.start[campaign] + day, created), campaign


def sales_tables(
    rng: np.random.Generator,
    cal: Calendar,
    leads: Leads,
    lead_of: Ints,
    first_amounts: Floats,
    campaigns: Campaigns,
) -> dict[str, pd.DataFrame]:
    """Write leads, quotes and opportunities; the quote of a won lead is the first order of its customer."""
    spend, count = TRUTH["spend"], len(leads.created)
    p = rng.gamma(spend["p"], 1, count)
    price = np.round(p * spend["gamma"] / rng.gamma(spend["q"], 1, count), 2)
    became = np.flatnonzero(lead_of >= 0)
    buyer = np.full(count, -1, dtype=np.int64)
    buyer[lead_of[became]] = became
    price[lead_of[became]] = first_amounts[became]
    value, discount = _priced(rng, leads, price)
    table = leads_table(rng, cal, leads, buyer, campaigns, value)
    return {
        "leads": table,
        "quotes": quotes_table(table, price, discount),
        "opportunities": opportunities_table(rng, cal, leads, table),
    }


def leads_table(
    rng: np.random.Generator, cal: Calendar, leads: Leads, buyer: Ints, campaigns: Campaigns, value: Floats
) -> pd.DataFrame:
    """Write the leads with what is known of them; `buyer` is the customer a lead became, or -1."""
    good = np.isfinite(leads.qualified)
    closed = cal.seen(leads.closed)
    return pd.DataFrame(
        {
            "lead_id": leads.ids,
            "created_at": cal.date(leads.created),
            "qualified_at": cal.date(cal.seen(leads.qualified)),
            "quoted_at": cal.date(cal.seen(leads.quoted)),
            "won_at": cal.date(np.where(leads.sold, closed, np.nan)),
            "lost_at": cal.date(np.where(leads.wins, np.nan, closed)),
            "customer_id": pick(keys("C", len(leads.ids)), buyer),
            "channel": pick(LEAD_CHANNELS, leads.channel),
            "campaign": pick(campaigns.names, leads.campaign),
            "region": pick(REGIONS, leads.region),
            "salesperson": pick(SALESPEOPLE, leads.salesperson),
            "value": value,
            "site_visits": 1 + rng.poisson(1 + 2.0 * good),
            "downloads": rng.poisson(0.4 + 1.2 * good),
        }
    )


def _priced(rng: np.random.Generator, leads: Leads, price: Floats) -> tuple[Floats, Floats]:
    """Return the value that sales expected of each lead, and the discount in its quote at `price`.

    The log of price over value is normal, higher where the deal will be lost: a logistic price effect.
    """
    truth, count = TRUTH["quotes"], len(price)
    mean = np.where(leads.wins, truth["log_price_won"], truth["log_price_lost"])
    value = np.round(price / np.exp(rng.normal(mean, truth["log_price_sd"])), 2)
    share = rng.choice([0, 0, 0.05, 0.10], count)
    return value, np.round(price * share / (1 - share), 2)


def quotes_table(leads: pd.DataFrame, price: Floats, discount: Floats) -> pd.DataFrame:
    """Write one quote for every lead in the table that has been quoted."""
    quoted = leads["quoted_at"].notna().to_numpy()
    rows = leads[quoted].reset_index(drop=True)
    copied = ["quoted_at", "won_at", "lost_at", "lead_id", "customer_id", "salesperson"]
    return rows[copied].assign(
        quote_id=keys("Q", len(rows)), amount=price[quoted], discount=discount[quoted]
    )[["quote_id", "quoted_at", "amount", *copied[1:], "discount"]]


def opportunities_table(
    rng: np.random.Generator, cal: Calendar, leads: Leads, table: pd.DataFrame
) -> pd.DataFrame:
    """Write the qualified leads as opportunities, with probabilities as biased as those who state them."""
    truth, rows = TRUTH["leads"], np.flatnonzero(table["qualified_at"].notna())
    w, lost = (values(truth[name], LEAD_CHANNELS) for name in ("won_per_week", "lost_per_week"))
    p = (w / (w + lost))[leads.channel]
    quoted = table["quoted_at"].notna().to_numpy()
    reached = np.where(quoted, truth["lost_but_quoted"], truth["lost_but_qualified"])
    bias = values(TRUTH["opportunities"]["bias"], SALESPEOPLE)[leads.salesperson]
    stated = np.clip(p / (p + (1 - p) * reached) * bias, 0.01, 0.99).round(2)
    ended = leads.closed <= cal.days
    still = cal.days + 1 + rng.exponential((7 / (w + lost))[leads.channel])
    planned = np.maximum(leads.closed + rng.normal(0, 14, len(p)), leads.created + 1)
    expected = np.floor(np.where(ended, np.minimum(planned, cal.days), still))
    stage = np.where(ended, 2, np.where(quoted, 1, 0))
    opened = table.iloc[rows].reset_index(drop=True)
    return pd.DataFrame(
        {
            "opportunity_id": keys("P", len(rows)),
            "created_at": opened["qualified_at"],
            "value": opened["value"],
            "probability": stated[rows],
            "expected_close": cal.date(expected[rows]),
            "stage": pick(("develop", "propose", "close"), stage[rows]),
            **{name: opened[name] for name in ("won_at", "lost_at", "customer_id", "salesperson", "lead_id")},
        }
    )
