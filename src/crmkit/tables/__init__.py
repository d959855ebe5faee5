"""The tables a company already has: map names once, check them once, then use any room.

Each function renames the columns of a raw frame to their canonical names, checks the types and the rows with
one aggregate query, turns aware timestamps into the business time zone, and returns the same kind of frame.

>>> import pandas as pd, crmkit
>>> raw = pd.DataFrame({"cust": [7], "ts": pd.to_datetime(["2024-03-31 23:30"], utc=True), "net": [120.0]})
>>> crmkit.tables.orders(raw, customer_id="cust", order_date="ts", amount="net", tz="Europe/Helsinki")
   customer_id          order_date  amount
0            7 2024-04-01 02:30:00   120.0
"""

from crmkit.tables.catalogue import CONTRACTS, described
from crmkit.tables.contract import Column, Contract, Problem, problems
from crmkit.tables.mapping import Mapper, mapper

activities = mapper(CONTRACTS["activities"])
campaigns = mapper(CONTRACTS["campaigns"])
cases = mapper(CONTRACTS["cases"])
customers = mapper(CONTRACTS["customers"])
drivers = mapper(CONTRACTS["drivers"])
interactions = mapper(CONTRACTS["interactions"])
invoices = mapper(CONTRACTS["invoices"])
leads = mapper(CONTRACTS["leads"])
ledger = mapper(CONTRACTS["ledger"])
messages = mapper(CONTRACTS["messages"])
opportunities = mapper(CONTRACTS["opportunities"])
orders = mapper(CONTRACTS["orders"])
products = mapper(CONTRACTS["products"])
quotes = mapper(CONTRACTS["quotes"])
ratings = mapper(CONTRACTS["ratings"])
readings = mapper(CONTRACTS["readings"])
resources = mapper(CONTRACTS["resources"])
responses = mapper(CONTRACTS["responses"])
stock = mapper(CONTRACTS["stock"])
subscriptions = mapper(CONTRACTS["subscriptions"])
visits = mapper(CONTRACTS["visits"])

__all__ = [
    "CONTRACTS",
    "Column",
    "Contract",
    "Mapper",
    "Problem",
    "activities",
    "campaigns",
    "cases",
    "customers",
    "described",
    "drivers",
    "interactions",
    "invoices",
    "leads",
    "ledger",
    "mapper",
    "messages",
    "opportunities",
    "orders",
    "problems",
    "products",
    "quotes",
    "ratings",
    "readings",
    "resources",
    "responses",
    "stock",
    "subscriptions",
    "visits",
]
