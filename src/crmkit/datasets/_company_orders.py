"""Products of the simulated company, what is ordered and returned, the stock and the invoices.

Amounts of orders follow the gamma-gamma model: each order of a customer is Gamma(p, rate ν), with ν of the
customer from Gamma(q, rate γ). Product, quantity and discount are chosen to give that amount.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crmkit.datasets._company_calendar import (
    DAYS_PER_YEAR,
    Calendar,
    Flags,
    Floats,
    Ints,
    Texts,
    keys,
    pick,
    values,
)
from crmkit.datasets._company_customers import People
from crmkit.datasets._company_marketing import Campaigns, Messages
from crmkit.datasets._company_truth import AGE_BANDS, SEGMENTS, TRUTH

_CHANNELS = ("web", "phone", "shop")
_PRODUCTS_PER_CATEGORY = 8


@dataclass(frozen=True, slots=True)
class Products:
    """The products, cheapest first."""

    category: Ints
    price: Floats
    unit_cost: Floats


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders, oldest first, without their returns."""

    customer: Ints
    day: Floats
    amount: Floats
    campaign: Ints
    channel: Ints
    product: Ints
    quantity: Floats
    discount: Floats
    cost: Floats
    delivered: Floats
    returned: Floats

    @property
    def in_web_shop(self) -> Flags:
        """Return which orders were made in the web shop."""
        return np.equal(self.channel, _CHANNELS.index("web"))

    @property
    def product_ids(self) -> Texts:
        """Return the key of the product of each order."""
        return keys("A", int(self.product.max()) + 1)[self.product]

    @property
    def first_amounts(self) -> Floats:
        """Return the amount of each customer's first order."""
        return self.amount[np.unique(self.customer, return_index=True)[1]]


def draw_products(rng: np.random.Generator) -> Products:
    """Draw the price list."""
    margin = np.array(list(TRUTH["orders"]["margin"].values()))
    category = rng.permutation(np.repeat(np.arange(len(margin)), _PRODUCTS_PER_CATEGORY))
    price = np.sort(np.round(2 * 30 ** rng.random(len(category)), 2))
    return Products(category, price, np.round(price * (1 - margin[category]), 2))


def products_table(products: Products) -> pd.DataFrame:
    """Write the products with their present price."""
    return pd.DataFrame(
        {
            "product_id": keys("A", len(products.price)),
            "category": pick(list(TRUTH["orders"]["margin"]), products.category),
            "price": products.price,
            "unit_cost": products.unit_cost,
        }
    )


def draw_orders(
    rng: np.random.Generator,
    cal: Calendar,
    people: People,
    purchases: tuple[Ints, Floats],
    messages: Messages,
    products: Products,
) -> Orders:
    """Fill the purchases, and the orders that answer a campaign on top of them, with goods and money."""
    answers = np.flatnonzero(np.isfinite(messages.ordered))
    customer = np.concatenate([purchases[0], messages.customer[answers]])
    day = np.floor(np.concatenate([purchases[1], messages.ordered[answers]]))
    campaign = np.concatenate([np.full(len(purchases[0]), -1), messages.campaign[answers]])
    order = np.lexsort((customer, day))
    customer, day, campaign = customer[order], day[order], campaign[order]
    p = TRUTH["spend"]["p"]
    amount = np.maximum(np.round(people.mean[customer] * rng.gamma(p, 1 / p, len(day)), 2), 0.01)
    product, quantity, discount, cost = _goods(rng, cal, products, people, customer, day, campaign, amount)
    channel = _channels(rng, people.age_band[customer])
    travel = np.where(channel == 2, 0, _travel(rng, len(day)))
    returned = day + travel + rng.integers(3, 31, len(day))
    returns = rng.random(len(day)) < TRUTH["orders"]["return_share"]
    return Orders(
        customer=customer,
        day=day,
        amount=amount,
        campaign=campaign,
        channel=channel,
        product=product,
        quantity=quantity,
        discount=discount,
        cost=cost,
        delivered=cal.seen(day + travel),
        returned=cal.seen(np.where(returns, returned, np.nan)),
    )


def _goods(
    rng: np.random.Generator,
    cal: Calendar,
    products: Products,
    people: People,
    customer: Ints,
    day: Floats,
    campaign: Ints,
    amount: Floats,
) -> tuple[Ints, Floats, Floats, Floats]:
    """Choose product and quantity so that the list price, less a discount, is the amount."""
    highest = values(TRUTH["orders"]["highest_discount"], SEGMENTS)
    own = (rng.random(len(people.ids)) * highest[people.segment])[customer]
    share = np.where(campaign >= 0, 1 - (1 - own) * (1 - TRUTH["campaigns"]["discount"]), own)
    inflation = (1 + TRUTH["orders"]["price_increase"]) ** ((day - cal.days) / DAYS_PER_YEAR)
    affordable = np.maximum(np.searchsorted(products.price, amount / 4), 1)
    product = (affordable * rng.beta(2, 1, len(amount))).astype(np.int64)
    price = np.round(products.price[product] * inflation, 2)
    quantity = np.ceil(amount / (1 - share) / price)
    discount = np.round(quantity * price - amount, 2)
    cost = np.round(quantity * products.unit_cost[product] * inflation, 2)
    return product, quantity, np.maximum(discount, 0), cost


def _travel(rng: np.random.Generator, count: int) -> Floats:
    """Draw the days until an order arrives."""
    truth = TRUTH["orders"]
    median = float(truth["median_delivery_days"])
    return np.ceil(median * rng.lognormal(0, truth["log_delivery_sd"], count))


def _channels(rng: np.random.Generator, age_band: Ints) -> Ints:
    """Draw the channel of each order, which depends on age."""
    truth = TRUTH["orders"]
    web, phone = (values(truth[name], AGE_BANDS)[age_band] for name in ("web_share", "phone_share"))
    u = rng.random(len(age_band))
    return np.where(u < web, 0, np.where(u < web + phone, 1, 2)).astype(np.int64)


def orders_table(cal: Calendar, orders: Orders, people: People, campaigns: Campaigns) -> pd.DataFrame:
    """Write orders and returns by date; a return has the order's key and negative numbers."""
    back = np.flatnonzero(np.isfinite(orders.returned))
    count = len(orders.day)
    line = np.concatenate([np.arange(count), back])
    sign = np.repeat([1, -1], [count, len(back)])
    day = np.concatenate([orders.day, orders.returned[back]])
    order = np.argsort(day, kind="stable")
    line, sign = line[order], sign[order]
    first = sign > 0
    return pd.DataFrame(
        {
            "order_id": keys("O", count)[line],
            "customer_id": people.ids[orders.customer[line]],
            "order_date": cal.date(day[order]),
            "product_id": orders.product_ids[line],
            "quantity": (orders.quantity[line] * sign).astype(np.int64),
            "amount": orders.amount[line] * sign,
            "discount": np.where(first, orders.discount[line], 0.0),
            "cost": orders.cost[line] * sign,
            "channel": pick(_CHANNELS, orders.channel[line]),
            "campaign": pick(campaigns.names, np.where(first, orders.campaign[line], -1)),
            "delivered_at": cal.date(np.where(first, orders.delivered[line], np.nan)),
        }
    )


def stock_table(rng: np.random.Generator, cal: Calendar, orders: Orders, products: Products) -> pd.DataFrame:
    """Count the stock each week: on hand = on hand before + made - sold + returned, never below 0."""
    weeks, kinds = (cal.days + 1) // 7, len(products.price)
    back = np.isfinite(orders.returned)
    slot = np.concatenate([orders.day, orders.returned[back]]) // 7 * kinds
    slot += np.concatenate([orders.product, orders.product[back]])
    units = np.concatenate([orders.quantity, -orders.quantity[back]])
    sold = np.bincount(slot.astype(np.int64), units, minlength=(weeks + 1) * kinds)[: weeks * kinds]
    sold = sold.reshape(weeks, kinds)
    lead_time = rng.integers(1, 5, kinds) * 7
    target = np.ceil(sold.mean(axis=0) * (2 + lead_time / 7))
    on_hand, made = np.zeros_like(sold), np.zeros_like(sold)
    before = target.copy()
    for week in range(weeks):
        made[week] = np.maximum(np.maximum(target, sold[week]) - before, 0)
        on_hand[week] = before = before + made[week] - sold[week]
    return pd.DataFrame(
        {
            "product_id": np.tile(keys("A", kinds), weeks),
            "date": cal.date(np.repeat(np.arange(weeks) * 7.0 + 6, kinds)),
            "on_hand": on_hand.ravel().astype(np.int64),
            "made": made.ravel().astype(np.int64),
            "lead_time_days": np.tile(lead_time, weeks),
        }
    )


def invoices_table(
    rng: np.random.Generator, cal: Calendar, orders: Orders, people: People
) -> tuple[pd.DataFrame, Ints]:
    """Write an invoice for each order that has been billed, and count the reminders each customer needed."""
    truth = TRUTH["invoices"]
    invoiced = orders.day + rng.integers(0, 3, len(orders.day))
    billed = np.flatnonzero(invoiced <= cal.days)
    moment, customer = invoiced[billed], orders.customer[billed]
    wait = np.ceil(truth["median_days_to_pay"] * rng.lognormal(0, truth["log_days_sd"], len(billed)))
    paid = cal.seen(np.where(rng.random(len(billed)) < truth["unpaid"], np.nan, moment + wait))
    late = np.where(np.isnan(paid), cal.days, paid) - moment - truth["terms_days"]
    invoices = pd.DataFrame(
        {
            "invoice_id": keys("I", len(billed)),
            "customer_id": people.ids[customer],
            "order_id": keys("O", len(orders.day))[billed],
            "invoiced_at": cal.date(moment),
            "due_at": cal.date(moment + truth["terms_days"]),
            "paid_at": cal.date(paid),
            "amount": orders.amount[billed],
            "correct": rng.random(len(billed)) < truth["correct"],
        }
    )
    return invoices, np.bincount(customer[late > 7], minlength=len(people.ids)).astype(np.int64)
