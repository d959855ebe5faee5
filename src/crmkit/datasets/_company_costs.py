"""Cost to serve of the simulated company: the ledger, activities, resources with time, and who causes them.

Each activity's pool is a true rate times the sum of its driver, so that nothing is lost: ledger and
activities agree to the cent, in each category. One pool has no driver: it stays unassigned. Two are driven
by minutes: each has a resource of its own, which supplies more time than is used.
"""

import numpy as np
import pandas as pd

from crmkit.datasets._company_calendar import DAYS_PER_YEAR, Calendar, Floats, Ints
from crmkit.datasets._company_customers import People
from crmkit.datasets._company_orders import Orders
from crmkit.datasets._company_truth import TRUTH

_ACTIVITIES = {
    "sales contacts": ("pre-sale", "minutes of contact"),
    "mailings": ("pre-sale", "messages"),
    "order handling": ("production", "orders"),
    "picking": ("distribution", "units"),
    "delivery": ("distribution", "deliveries"),
    "returns handling": ("distribution", "returns"),
    "customer service": ("post-sale", "handling minutes"),
    "payment reminders": ("post-sale", "reminders"),
    "account keeping": ("post-sale", "months as a customer"),
}
_TIMED = {"sales team": "sales contacts", "service desk": "customer service"}
_RESOURCES = {"salaries": 0.62, "premises": 0.14, "systems": 0.16, "services bought": 0.08}
_CORRECTION = 125.0


def cost_tables(
    cal: Calendar, people: People, orders: Orders, tables: dict[str, pd.DataFrame], reminders: Ints
) -> dict[str, pd.DataFrame]:
    """Write the tables of this module from what happened in the others."""
    drivers = drivers_table(people, orders, tables, reminders, cal)
    activities = activities_table(drivers)
    return {
        "ledger": ledger_table(cal, orders, activities),
        "activities": activities,
        "resources": resources_table(cal, activities, drivers),
        "drivers": drivers,
    }


def resources_table(cal: Calendar, activities: pd.DataFrame, drivers: pd.DataFrame) -> pd.DataFrame:
    """Write the departments that pay for the timed activities: their cost, and the minutes they supply."""
    truth, pools = TRUTH["resources"], activities.set_index("activity")
    used = drivers.groupby("activity")["quantity"].sum()
    rows = [
        (
            name,
            pools.loc[activity, "cost"],
            max(round(used.get(activity, 0.0) / truth["utilization"][name] / truth["practical_share"]), 1),
            pools.loc[activity, "category"],
        )
        for name, activity in _TIMED.items()
    ]
    table = pd.DataFrame(rows, columns=["resource", "cost", "capacity_minutes", "category"])
    return table.assign(period=cal.date(np.zeros(len(table))))


def drivers_table(
    people: People, orders: Orders, tables: dict[str, pd.DataFrame], reminders: Ints, cal: Calendar
) -> pd.DataFrame:
    """Count the driver of every activity for every customer; customers without any have no row."""
    count = len(people.ids)

    def total(weights: Floats | None = None) -> Floats:
        return np.bincount(orders.customer, weights, minlength=count).astype(float)

    def summed(table: str, column: str) -> Floats:
        sums = tables[table].groupby("customer_id")[column].sum()
        return sums.reindex(people.ids, fill_value=0).to_numpy(dtype=float)

    messages = tables["messages"]["customer_id"].value_counts()
    quantities = {
        "sales contacts": summed("interactions", "minutes"),
        "mailings": messages.reindex(people.ids, fill_value=0).to_numpy(dtype=float),
        "order handling": total(),
        "picking": total(orders.quantity),
        "delivery": total((orders.channel < 2).astype(float)),
        "returns handling": total(np.isfinite(orders.returned).astype(float)),
        "customer service": np.round(summed("cases", "handling_minutes"), 1),
        "payment reminders": reminders.astype(float),
        "account keeping": np.ceil((cal.days + 1 - people.since) / DAYS_PER_YEAR * 12),
    }
    parts = [
        pd.DataFrame({"customer_id": people.ids, "activity": name, "quantity": quantity})
        for name, quantity in quantities.items()
    ]
    drivers = pd.concat(parts, ignore_index=True)
    return drivers[drivers["quantity"] > 0].reset_index(drop=True)


def activities_table(drivers: pd.DataFrame) -> pd.DataFrame:
    """Write the cost pools, and one for management that no driver assigns."""
    used = drivers.groupby("activity")["quantity"].sum().to_dict()
    rows: list[tuple[str, float, str, str | None]] = [
        (name, round(TRUTH["cost_rates"][name] * used.get(name, 0.0), 2), category, driver)
        for name, (category, driver) in _ACTIVITIES.items()
    ]
    assigned = sum(cost for _, cost, _, _ in rows)
    rows.append(("management", round(TRUTH["unassigned_share"] * assigned, 2), "general", None))
    table = pd.DataFrame(rows, columns=["activity", "cost", "category", "driver"])
    timed = table["driver"].str.contains("minutes").eq(True)
    kind = np.where(timed, "duration", "transaction")
    return table.assign(driver_kind=pd.Series(kind).where(table["driver"].notna()))


def ledger_table(cal: Calendar, orders: Orders, activities: pd.DataFrame) -> pd.DataFrame:
    """Book the pools of each category on resources and months, in whole cents that add up."""
    dates = cal.date(np.arange(cal.days + 1, dtype=float)).astype("datetime64[M]")
    months = np.unique(dates)
    busy = np.bincount(
        (dates[orders.day.astype(np.int64)] - months[0]).astype(np.int64), minlength=len(months)
    )
    weight = np.outer(busy + busy.mean(), list(_RESOURCES.values())).ravel()
    share = np.concatenate([[0.0], np.cumsum(weight) / weight.sum()])
    period = np.repeat(months, len(_RESOURCES)).astype("datetime64[us]")
    resource = np.tile(np.array(list(_RESOURCES), dtype=object), len(months))
    cents = (activities["cost"] * 100).round().groupby(activities["category"]).sum()
    parts = [
        pd.DataFrame(
            {
                "resource": resource,
                "period": period,
                "category": category,
                "cost": np.diff(np.rint(share * total)) / 100,
            }
        )
        for category, total in cents.items()
    ]
    wrong = pd.DataFrame(
        {
            "resource": "systems",
            "period": months[:2].astype("datetime64[us]"),
            "category": "general",
            "cost": [_CORRECTION, -_CORRECTION],
        }
    )
    return pd.concat([*parts, wrong], ignore_index=True).sort_values(
        ["period", "category", "resource"], kind="stable", ignore_index=True
    )
