"""Customers of the simulated company: who they are, and when they buy.

Purchases follow BG/NBD (Fader, Hardie and Lee 2005) on the seasonal clock: after the first purchase a
customer buys at rate λ ~ Gamma(r, α) a week, and leaves after each repeat purchase with p ~ Beta(a, b).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crmkit.datasets._company_calendar import (
    DAYS_PER_YEAR,
    Calendar,
    Floats,
    Ints,
    Texts,
    draw,
    keys,
    pick,
    values,
)
from crmkit.datasets._company_leads import Leads
from crmkit.datasets._company_truth import LEAD_CHANNELS, REGIONS, SEGMENTS, TRUTH


@dataclass(frozen=True, slots=True)
class People:
    """The customers, oldest first, with what nobody in the company knows: rate, p, mean and dropped."""

    ids: Texts
    since: Floats
    lead: Ints
    region: Ints
    channel: Ints
    rate: Floats
    p: Floats
    mean: Floats
    dropped: Floats
    segment: Ints
    years: Floats

    @property
    def age_band(self) -> Ints:
        """Return the code of each customer's age band at `as_of`."""
        return np.searchsorted([35, 55], self.years, side="right").astype(np.int64)


def draw_people(
    rng: np.random.Generator, cal: Calendar, count: int, leads: Leads
) -> tuple[People, Ints, Floats]:
    """Draw the customers, and who buys at which moment; won leads become customers on that day."""
    sold = np.flatnonzero(leads.sold)
    direct = count - len(sold)
    truth = TRUTH["acquisition"]
    latest = np.where(rng.random(direct) < truth["early_share"], truth["early_days"], cal.days)
    since = np.concatenate([leads.closed[sold], cal.from_clock(rng.random(direct) * cal.to_clock(latest))])
    lead = np.concatenate([sold, np.full(direct, -1)])
    region = np.concatenate([leads.region[sold], draw(rng, TRUTH["customers"]["region_share"], direct)])
    order = np.argsort(since, kind="stable")
    since, lead, region = since[order], lead[order], region[order]
    t = TRUTH["purchases"]
    rate, p = rng.gamma(t["r"], 1 / t["alpha"], count), rng.beta(t["a"], t["b"], count)
    who, moment, dropped = _purchases(rng, cal, since, rate, p)
    spend = TRUTH["spend"]
    mean = spend["p"] * spend["gamma"] / rng.gamma(spend["q"], 1, count)
    segment, years = _traits(rng, rate * mean)
    people = People(
        ids=keys("C", count),
        since=since,
        lead=lead,
        region=region,
        channel=np.where(lead >= 0, leads.channel[lead], len(LEAD_CHANNELS)),
        rate=rate,
        p=p,
        mean=mean,
        dropped=dropped,
        segment=segment,
        years=years,
    )
    return people, who, moment


def _purchases(
    rng: np.random.Generator, cal: Calendar, since: Floats, rate: Floats, p: Floats
) -> tuple[Ints, Floats, Floats]:
    """Return who buys when, first purchases included, and when each customer leaves (inf: not yet)."""
    count = len(since)
    begun = cal.to_clock(since)
    length = cal.clock[-1] - begun
    chances = rng.poisson(rate * length / 7)
    who = np.repeat(np.arange(count), chances)
    moment = begun[who] + rng.random(len(who)) * length[who]
    moment = cal.from_clock(moment[np.lexsort((moment, who))])
    rank = np.arange(len(who)) - np.repeat(np.cumsum(chances) - chances, chances)
    last = rng.geometric(np.maximum(p, 1e-12))
    dropped = np.full(count, np.inf)
    leaving = rank == last[who] - 1
    dropped[who[leaving]] = moment[leaving]
    kept = rank < last[who]
    return np.concatenate([np.arange(count), who[kept]]), np.concatenate([since, moment[kept]]), dropped


def _traits(rng: np.random.Generator, value: Floats) -> tuple[Ints, Floats]:
    """Give each customer a segment and an age that go with the value a year."""
    truth, count = TRUTH["customers"], len(value)
    z = (np.log(value) - np.log(value).mean()) / np.log(value).std()
    ranked = np.argsort(np.argsort(z + rng.normal(0, 0.5, count), kind="stable"), kind="stable") / count
    segment = np.searchsorted([0.6, 0.9], ranked, side="right").astype(np.int64)
    age = truth["age_mean"] + truth["age_per_sd_of_value"] * z + rng.normal(0, truth["age_sd"], count)
    return segment, np.clip(age, 18, 90)


def customers_table(rng: np.random.Generator, cal: Calendar, people: People) -> pd.DataFrame:
    """Write the customers."""
    count = len(people.ids)
    channels = (*LEAD_CHANNELS, "direct")
    cost = values(TRUTH["acquisition"]["mean_cost"], channels)[people.channel]
    birth = pd.Series(cal.date(np.floor(cal.days - people.years * DAYS_PER_YEAR - 1)))
    as_of = pd.Timestamp(cal.start) + pd.Timedelta(days=cal.days)
    before = (birth.dt.month > as_of.month) | ((birth.dt.month == as_of.month) & (birth.dt.day > as_of.day))
    profit = 0.4 * people.rate * people.mean * DAYS_PER_YEAR / 7 * np.isinf(people.dropped)
    return pd.DataFrame(
        {
            "customer_id": people.ids,
            "since": cal.date(np.floor(people.since)),
            "birth_date": birth,
            "age": (as_of.year - birth.dt.year - before).astype("int64"),
            "gender": pick(
                list(TRUTH["customers"]["gender_share"]), draw(rng, TRUTH["customers"]["gender_share"], count)
            ),
            "region": pick(REGIONS, people.region),
            "segment": pick(SEGMENTS, people.segment),
            "channel": pick(channels, people.channel),
            "acquisition_cost": np.round(cost * rng.gamma(4, 0.25, count), 2),
            "potential": np.round(profit * rng.lognormal(-0.125, 0.5, count), 2),
        }
    )


def latent_table(people: People) -> pd.DataFrame:
    """Write what only the simulator knows of each customer."""
    return pd.DataFrame(
        {
            "customer_id": people.ids,
            "purchase_rate_per_week": people.rate,
            "dropout_probability": people.p,
            "mean_spend": people.mean,
            "alive": np.isinf(people.dropped),
        }
    )
