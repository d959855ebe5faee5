"""Campaigns of the simulated company, their messages to customers, and visits to its web shop."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crmkit.datasets._company_calendar import Calendar, Flags, Floats, Ints, draw, keys, pick, values
from crmkit.datasets._company_truth import AGE_BANDS, LEAD_CHANNELS, TRUTH

if TYPE_CHECKING:
    from crmkit.datasets._company_customers import People
    from crmkit.datasets._company_orders import Orders

CAMPAIGN_DAYS = 21
_EVERY_DAYS = 30
_CHANNELS = ("e-mail", "advert", "event")


@dataclass(frozen=True, slots=True)
class Campaigns:
    """The campaigns, one every 30 days, by e-mail, advert and event in turn."""

    names: list[str]
    channel: list[str]
    start: Floats


@dataclass(frozen=True, slots=True)
class Messages:
    """What became of each message: moments in days, NaN for what never happens."""

    customer: Ints
    campaign: Ints
    sent: Floats
    bounced: Flags
    opened: Floats
    clicked: Floats
    ordered: Floats


def plan_campaigns(cal: Calendar) -> Campaigns:
    """Place the campaigns between the start and `as_of`."""
    start = np.arange(30, cal.days - CAMPAIGN_DAYS, _EVERY_DAYS, dtype=float)
    channel = [_CHANNELS[number % 3] for number in range(len(start))]
    dates = cal.date(start).astype("datetime64[D]").astype(str)
    return Campaigns([f"{date} {name}" for date, name in zip(dates, channel, strict=True)], channel, start)


def campaigns_table(cal: Calendar, campaigns: Campaigns, messages: Messages, customers: int) -> pd.DataFrame:
    """Write the campaigns; an e-mail campaign aims at the customers it is sent to."""
    mailed = np.bincount(messages.campaign, minlength=len(campaigns.names))
    audience = {"advert": 20 * customers, "event": 2 * customers}
    targets = [audience.get(name, sent) for name, sent in zip(campaigns.channel, mailed, strict=True)]
    unit = values(TRUTH["campaigns"]["cost_per_target"], campaigns.channel)
    return pd.DataFrame(
        {
            "campaign": np.array(campaigns.names, dtype=object),
            "started_at": cal.date(campaigns.start),
            "ended_at": cal.date(campaigns.start + CAMPAIGN_DAYS - 1),
            "channel": np.array(campaigns.channel, dtype=object),
            "cost": np.round(100 + unit * np.array(targets), 2),
            "targets": np.array(targets, dtype=np.int64),
        }
    )


def draw_messages(
    rng: np.random.Generator, cal: Calendar, campaigns: Campaigns, people: "People"
) -> Messages:
    """Send each e-mail campaign to a random part of the customers of its day, and draw what they do."""
    truth, mailings = TRUTH["campaigns"], np.flatnonzero(np.array(campaigns.channel) == "e-mail")
    audience = [
        np.flatnonzero(
            (people.since < campaigns.start[one]) & (rng.random(len(people.since)) < truth["mailed_share"])
        )
        for one in mailings
    ]
    customer = np.concatenate(audience).astype(np.int64)
    campaign = np.repeat(mailings, [len(part) for part in audience])
    count = len(customer)
    sent = campaigns.start[campaign] + rng.uniform(8 / 24, 12 / 24, count)
    bounced = rng.random(count) < truth["bounced"]
    active = people.dropped[customer] > sent
    opens = rng.random(count) < np.where(active, truth["opened"], truth["opened_after_dropout"])
    clicks = rng.random(count) < truth["clicked"]
    answers = rng.random(count) < values(truth["ordered"], AGE_BANDS)[people.age_band[customer]]
    opened = np.where(opens & ~bounced, sent + 0.01 + rng.exponential(0.7, count), np.nan)
    clicked = np.where(clicks, opened + 0.001 + rng.exponential(0.02, count), np.nan)
    ordered = np.where(answers, np.floor(clicked) + rng.integers(1, 8, count), np.nan)
    return Messages(customer, campaign, sent, bounced, *map(cal.seen, (opened, clicked, ordered)))


def messages_table(cal: Calendar, messages: Messages, campaigns: Campaigns, people: "People") -> pd.DataFrame:
    """Write the messages in the order they were sent."""
    order = np.argsort(messages.sent, kind="stable")
    arrived = messages.sent + 0.0005
    columns = {
        "sent_at": messages.sent,
        "delivered_at": np.where(messages.bounced, np.nan, arrived),
        "bounced_at": np.where(messages.bounced, arrived, np.nan),
        "opened_at": messages.opened,
        "clicked_at": messages.clicked,
        "ordered_at": messages.ordered,
    }
    dates = {name: cal.date(moment[order]) for name, moment in columns.items()}
    sent = dates.pop("sent_at")
    return pd.DataFrame(
        {
            "message_id": keys("M", len(order)),
            "sent_at": sent,
            "campaign": pick(campaigns.names, messages.campaign[order]),
            "customer_id": people.ids[messages.customer[order]],
            **dates,
        }
    )


def visits_table(rng: np.random.Generator, cal: Calendar, people: "People", orders: "Orders") -> pd.DataFrame:
    """Write visits to the web shop: those that ended in an order, abandoned baskets, and strangers."""
    truth = TRUTH["visits"]
    bought = np.flatnonzero(orders.in_web_shop)
    left = np.repeat(bought, rng.geometric(1 - truth["abandoned_baskets"], len(bought)) - 1)
    strangers = rng.poisson(truth["anonymous_per_customer"] * len(people.ids))
    parts = (len(bought), len(left), strangers)
    first = people.since[orders.customer[left]]
    moments = [
        np.minimum(orders.day[bought] + rng.uniform(0.3, 0.95, len(bought)), cal.days),
        np.clip(orders.day[left] + rng.uniform(-30, 30, len(left)), first, cal.days),
        cal.from_clock(rng.random(strangers) * cal.clock[cal.days]),
    ]
    abandoned = np.round(orders.amount[left] * rng.lognormal(0, 0.4, len(left)), 2)
    known = orders.customer[np.concatenate([bought, left])]
    cookie = len(people.ids) + rng.integers(max(strangers // 2, 1), size=strangers)
    page = [np.repeat([4, 5], parts[:2]), draw(rng, truth["page_share"], strangers)]
    channel = draw(rng, TRUTH["leads"]["share"], sum(parts))
    moment = np.concatenate(moments)
    order = np.argsort(moment, kind="stable")
    visitor, customer = np.concatenate([known, cookie]), np.concatenate([known, np.full(strangers, -1)])
    return pd.DataFrame(
        {
            "visitor_id": pick(keys("V", len(people.ids) + strangers), visitor[order]),
            "visited_at": cal.date(moment[order]),
            "page": pick([*truth["page_share"], "checkout", "basket"], np.concatenate(page)[order]),
            "channel": pick(LEAD_CHANNELS, channel[order]),
            "customer_id": pick(people.ids, customer[order]),
            "basket_value": np.concatenate([orders.amount[bought], abandoned, np.full(strangers, np.nan)])[
                order
            ],
            "ordered": (np.arange(sum(parts)) < len(bought))[order],
        }
    )
