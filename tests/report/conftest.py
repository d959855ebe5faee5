"""A tiny company that has every table a report reads."""

import numpy as np
import pandas as pd
import pytest


def _dates(*texts):
    return pd.to_datetime(pd.Series(texts))


@pytest.fixture
def tables(make_tables):
    """A fresh copy of the tiny company for each test."""
    return make_tables()


@pytest.fixture(scope="session")
def make_tables():
    """Return the function that makes the tiny company."""
    return _tables


def _tables():
    """Four customers, 24 months of orders, six leads, three quotes, two activities: all countable by hand.

    Customer a buys 100 every month of 2023 and 2024, b 50 every month of 2023 and January 2024, c 10 in
    June 2023 and June 2024, d 5 once in March 2023. Goods cost half of the sales.
    """
    months = pd.date_range("2023-01-01", periods=24, freq="MS") + pd.Timedelta(days=14)
    rows = [("a", one, 100.0) for one in months] + [("b", one, 50.0) for one in months[:13]]
    rows += [("c", months[5], 10.0), ("c", months[17], 10.0), ("d", months[2], 5.0)]
    orders = pd.DataFrame(rows, columns=["customer_id", "order_date", "amount"])
    created = _dates(*["2024-01-10"] * 5, "2024-12-30")
    leads = pd.DataFrame(
        {
            "lead_id": list("uvwxyz"),
            "created_at": created,
            "qualified_at": _dates("2024-01-20", "2024-01-20", "2024-02-01", None, None, None),
            "quoted_at": _dates("2024-02-01", "2024-02-01", None, None, None, None),
            "won_at": _dates("2024-02-20", None, None, None, None, None),
            "lost_at": _dates(None, "2024-02-25", "2024-03-01", "2024-01-12", "2024-01-15", None),
            "channel": ["web", "web", "fair", "fair", None, "web"],
        }
    )
    return {
        "orders": orders.assign(cost=orders["amount"] / 2),
        "customers": pd.DataFrame(
            {
                "customer_id": list("abcd"),
                "region": ["north", "south", "south", None],
                "segment": list("xxyy"),
            }
        ),
        "leads": leads,
        "quotes": pd.DataFrame(
            {
                "quote_id": [1, 2, 3],
                "quoted_at": _dates("2024-02-01", "2024-02-01", "2024-03-01"),
                "amount": [10.0, 20.0, 30.0],
                "won_at": _dates("2024-02-20", None, None),
                "lost_at": _dates(None, "2024-02-25", None),
            }
        ),
        "activities": pd.DataFrame(
            {"activity": ["serve", "rent"], "cost": [400.0, 60.0], "category": ["post-sale", "general"]}
        ),
        "drivers": pd.DataFrame(
            {"customer_id": ["a", "b", "c"], "activity": "serve", "quantity": np.array([1.0, 1.0, 2.0])}
        ),
    }
