"""Service of the simulated company: cases, survey answers, contacts, service contracts and their meters."""

import numpy as np
import pandas as pd

from crmkit.datasets._company_calendar import (
    DAYS_PER_YEAR,
    Calendar,
    Flags,
    Floats,
    Ints,
    draw,
    keys,
    pick,
    values,
    working_hours,
)
from crmkit.datasets._company_customers import People
from crmkit.datasets._company_orders import Orders
from crmkit.datasets._company_truth import SALESPEOPLE, SEGMENTS, TRUTH

_MONTH = DAYS_PER_YEAR / 12


def service_tables(
    rng: np.random.Generator, cal: Calendar, people: People, orders: Orders
) -> dict[str, pd.DataFrame]:
    """Write the tables of this module."""
    cases = cases_table(rng, cal, people, orders)
    subscriptions = subscriptions_table(rng, cal, people)
    return {
        "cases": cases,
        "responses": responses_table(rng, cal, people, orders, cases),
        "interactions": interactions_table(rng, cal, people),
        "subscriptions": subscriptions,
        "readings": readings_table(rng, cal, subscriptions),
    }


def cases_table(rng: np.random.Generator, cal: Calendar, people: People, orders: Orders) -> pd.DataFrame:
    """Write the cases that follow orders; some customers cause many, and late ones are still open."""
    truth, channels = TRUTH["cases"], list(TRUTH["cases"]["channel_share"])
    source, opened = _open_cases(rng, cal, people, orders)
    count = len(source)
    channel, complaint = draw(rng, truth["channel_share"], count), rng.random(count) < truth["complaints"]
    hours = values(truth["median_response_hours"], channels)[channel]
    answered = opened + hours / 24 * rng.lognormal(0, truth["log_response_sd"], count)
    once = rng.random(count) < truth["first_contact_resolution"]
    contacts = np.where(once, 1, 1 + rng.geometric(0.6, count))
    minutes = np.round(contacts * rng.gamma(3, 4, count) + 1, 1)
    days = np.where(once, minutes / 1440, (contacts - 1) * rng.lognormal(1.4, 1, count))
    resolved = cal.seen(answered + days)
    done = np.isfinite(resolved)
    score = _satisfaction(rng, contacts, complaint)
    return pd.DataFrame(
        {
            "case_id": keys("K", count),
            "opened_at": cal.date(opened),
            "customer_id": people.ids[orders.customer[source]],
            "type": pick(list(truth["type_share"]), draw(rng, truth["type_share"], count)),
            "channel": pick(channels, channel),
            "product_id": orders.product_ids[source],
            "first_response_at": cal.date(cal.seen(answered)),
            "resolved_at": cal.date(resolved),
            "contacts": np.where(done, contacts, np.nan),
            "handling_minutes": np.where(done, minutes, np.nan),
            "satisfaction": np.where(done, score, np.nan),
            "complaint": complaint,
        }
    )


def _open_cases(
    rng: np.random.Generator, cal: Calendar, people: People, orders: Orders
) -> tuple[Ints, Floats]:
    """Draw which orders cause a case, and when it is opened."""
    truth = TRUTH["cases"]
    shape = truth["frailty_shape"]
    frailty = rng.gamma(shape, 1 / shape, len(people.ids))
    source = np.repeat(np.arange(len(orders.day)), rng.poisson(truth["per_order"] * frailty[orders.customer]))
    opened = working_hours(rng, orders.day[source] + rng.integers(1, 41, len(source)))
    known = opened < cal.days
    order = np.argsort(opened[known], kind="stable")
    return source[known][order], opened[known][order]


def _satisfaction(rng: np.random.Generator, contacts: Ints, complaint: Flags) -> Floats:
    """Draw scores from 1 to 5, NaN from those who do not answer."""
    truth, count = TRUTH["cases"]["satisfaction"], len(contacts)
    mean = truth["base"] + truth["per_contact"] * contacts + truth["complaint"] * complaint
    score = np.clip(np.rint(mean + rng.normal(0, truth["sd"], count)), 1, 5)
    return np.where(rng.random(count) < truth["answered"], score, np.nan)


def responses_table(
    rng: np.random.Generator, cal: Calendar, people: People, orders: Orders, cases: pd.DataFrame
) -> pd.DataFrame:
    """Write the answers to three surveys: nps at random times, csat after orders, ces after cases."""
    truth = TRUTH["responses"]
    bought = np.flatnonzero(rng.random(len(orders.day)) < truth["asked"]["csat"])
    csat = pd.DataFrame(
        {
            "customer_id": people.ids[orders.customer[bought]],
            "product_id": orders.product_ids[bought],
            "question": "csat",
            "answered_at": cal.date(orders.day[bought] + rng.uniform(2, 15, len(bought))),
            "score": 1.0 + draw(rng, truth["csat"], len(bought)),
        }
    )
    asked = cases["resolved_at"].notna() & (rng.random(len(cases)) < truth["asked"]["ces"])
    solved = cases.loc[asked, ["customer_id", "product_id"]]
    wait = (rng.uniform(0, 4, len(solved)) * 86_400).astype("timedelta64[s]")
    ces = solved.assign(
        question="ces",
        answered_at=cases.loc[asked, "resolved_at"] + wait,
        score=1.0 + draw(rng, truth["ces"], len(solved)),
    )
    answers: pd.DataFrame = pd.concat([_nps(rng, cal, people, cases), csat, ces], ignore_index=True)
    known = cal.moment(answers["answered_at"]) <= cal.days
    answers = answers.loc[known].sort_values("answered_at", kind="stable", ignore_index=True)
    silent = rng.random(len(answers)) < truth["no_answer"]
    answers.loc[silent, "score"] = np.nan
    answers.insert(0, "response_id", keys("R", len(answers)))
    return answers


def _nps(rng: np.random.Generator, cal: Calendar, people: People, cases: pd.DataFrame) -> pd.DataFrame:
    """Draw recommendation scores, lower for customers who have complained before."""
    tenure = (cal.days - people.since) / DAYS_PER_YEAR
    who = np.repeat(np.arange(len(tenure)), rng.poisson(TRUTH["responses"]["asked"]["nps"] * tenure))
    moment = people.since[who] + rng.random(len(who)) * (cal.days - people.since[who])
    answers = pd.DataFrame(
        {"customer_id": people.ids[who], "answered_at": cal.date(moment), "question": "nps"}
    )
    complaint = cases[cases["complaint"]].groupby("customer_id")["opened_at"].min()
    upset = cal.moment(complaint.reindex(people.ids))[who] < moment
    truth = TRUTH["responses"]
    group = np.where(
        upset, draw(rng, truth["nps_after_complaint"], len(who)), draw(rng, truth["nps"], len(who))
    )
    low = np.array([9, 7, 0])[group]
    return answers.assign(score=low + np.floor(rng.random(len(who)) * np.array([2, 2, 7])[group]))


def interactions_table(rng: np.random.Generator, cal: Calendar, people: People) -> pd.DataFrame:
    """Write calls, e-mails and meetings, more with the segments that the company cares for."""
    truth, tenure = TRUTH["interactions"], cal.days - people.since
    rate = values(truth["per_year"], SEGMENTS)[people.segment]
    who = np.repeat(np.arange(len(tenure)), rng.poisson(rate * tenure / DAYS_PER_YEAR))
    moment = working_hours(rng, people.since[who] + rng.random(len(who)) * (tenure[who] - 1))
    moment = np.clip(moment, people.since[who], cal.days)
    order = np.argsort(moment, kind="stable")
    who, moment = who[order], moment[order]
    kind = draw(rng, truth["type_share"], len(who))
    return pd.DataFrame(
        {
            "customer_id": people.ids[who],
            "occurred_at": cal.date(moment),
            "type": pick(list(truth["type_share"]), kind),
            "channel": pick(("phone", "e-mail", "in person"), kind),
            "salesperson": pick(SALESPEOPLE, people.region[who] % len(SALESPEOPLE)),
            "minutes": np.ceil(
                values(truth["mean_minutes"], list(truth["type_share"]))[kind] * rng.gamma(4, 0.25, len(who))
            ),
        }
    )


def subscriptions_table(rng: np.random.Generator, cal: Calendar, people: People) -> pd.DataFrame:
    """Write service contracts, ended with a customer's own probability each month (beta-geometric)."""
    truth = TRUTH["subscriptions"]
    started = np.floor(people.since) + rng.integers(0, 121, len(people.ids))
    chosen = np.flatnonzero((rng.random(len(started)) < truth["share"]) & (started <= cal.days))
    chosen = chosen[np.argsort(started[chosen], kind="stable")]
    theta = np.maximum(rng.beta(truth["alpha"], truth["beta"], len(chosen)), 1e-9)
    months = rng.geometric(theta)
    ended = np.floor(started[chosen] + months * _MONTH)
    plan = people.segment[chosen]
    return pd.DataFrame(
        {
            "subscription_id": keys("S", len(chosen)),
            "customer_id": people.ids[chosen],
            "started_at": cal.date(started[chosen]),
            "ended_at": cal.date(cal.seen(ended)),
            "plan": pick(list(truth["monthly_amount"]), plan),
            "monthly_amount": values(truth["monthly_amount"], list(truth["monthly_amount"]))[plan],
        }
    )


def readings_table(rng: np.random.Generator, cal: Calendar, subscriptions: pd.DataFrame) -> pd.DataFrame:
    """Write the meter of each service contract about once a month; it only counts upwards."""
    truth = TRUTH["readings"]
    first = cal.moment(subscriptions["started_at"])
    last = cal.moment(subscriptions["ended_at"])
    last = np.where(np.isnan(last), cal.days, last)
    count = (np.maximum(last - first, 0) // 30 + 1).astype(np.int64)
    meter = np.repeat(np.arange(len(count)), count)
    opening = np.cumsum(count) - count
    number = np.arange(len(meter)) - opening[meter]
    moment = np.minimum(
        first[meter] + 30 * number + np.where(number, rng.integers(0, 6, len(meter)), 0), last[meter]
    )
    passed = np.diff(moment, prepend=0.0)
    passed[opening] = 0
    rate = truth["median_per_day"] * rng.lognormal(0, truth["log_sd"], len(count))
    used = rng.gamma(20, passed / 20) * rate[meter]
    used[opening] = rng.uniform(0, 1000, len(count))
    total = np.cumsum(used)
    before = (total - used)[opening]
    return pd.DataFrame(
        {
            "customer_id": subscriptions["customer_id"].to_numpy()[meter],
            "meter_id": pick(keys("E", len(count)), meter),
            "read_at": cal.date(moment),
            "reading": np.round(total - before[meter], 1),
        }
    )
