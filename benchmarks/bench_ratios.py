"""Lead-to-close ratios of 1 and 5 million leads, against two pandas groupbys written for this one table."""

from typing import Any

import numpy as np
import pandas as pd

from crmkit import metrics
from measuring import medians, row

AS_OF = pd.Timestamp("2024-10-01")
Z = 1.959963984540054


def simulated_leads(count: int) -> pd.DataFrame:
    """Make leads with four dates and a channel."""
    rng = np.random.default_rng(0)

    def later(start: pd.Series, share: float, days: float) -> pd.Series:
        moved = start + pd.to_timedelta((rng.exponential(days, count) * 86400).astype(int), unit="s")
        return moved.where(rng.random(count) < share).astype("datetime64[us]")

    seconds = pd.to_timedelta(rng.integers(0, 700 * 86400, count), unit="s")
    created = pd.Series(pd.Timestamp("2023-01-01") + seconds).astype("datetime64[us]")
    qualified = later(created, 0.4, 20)
    won = later(qualified, 0.4, 30)
    return pd.DataFrame(
        {
            "channel": rng.choice(["web", "mail", "fair", "phone", "partner"], count),
            "created_at": created,
            "qualified_at": qualified,
            "won_at": won,
            "lost_at": later(created, 0.5, 60).where(won.isna()),
        }
    )


def groupby(leads: pd.DataFrame, by: list[str], *, monthly: bool) -> pd.DataFrame:
    """Compute the same table by hand: flags of what holds as of the day, summed, and Wilson's bounds."""
    tomorrow = AS_OF + pd.Timedelta(days=1)
    entered = leads["created_at"] < tomorrow
    midnight = leads["created_at"].dt.floor("D")
    placed = entered & ~(leads["won_at"] < midnight) & ~(leads["lost_at"] < midnight)
    won, lost = leads["won_at"] < tomorrow, leads["lost_at"] < tomorrow
    flags = leads[by].assign(n=placed, closed=placed & won, open=placed & ~won & ~lost, excluded=~placed)
    keys = list(by)
    if monthly:
        flags["period"] = leads["created_at"].where(entered).dt.to_period("M").dt.to_timestamp()
        keys.append("period")
    table = flags.groupby(keys, dropna=False)[["n", "closed", "open", "excluded"]].sum().reset_index()
    n = table["n"].where(table["n"] > 0)
    p = table["closed"] / n
    middle = (table["closed"] + Z * Z / 2) / (n + Z * Z)
    half = Z * np.sqrt(n * p * (1 - p) + Z * Z / 4) / (n + Z * Z)
    table = table.assign(ratio=p, lower=middle - half, upper=middle + half, as_of=AS_OF)
    table["method"] = pd.Series("Wilson", index=table.index).where(n.notna())
    return table[[*keys, "n", "closed", "open", "ratio", "lower", "upper", "method", "as_of", "excluded"]]


def sizes(leads: pd.DataFrame, by: list[str], *, monthly: bool) -> pd.DataFrame:
    """Compute the same table by hand in another way: one outcome a lead, and the sizes of the groups."""
    created, won, lost = (leads[name].to_numpy() for name in ("created_at", "won_at", "lost_at"))
    tomorrow = np.datetime64(AS_OF + pd.Timedelta(days=1), "us")
    day = created.astype("datetime64[D]")
    excluded = ~(created < tomorrow) | (won < day) | (lost < day)
    outcome = np.select([excluded, won < tomorrow, lost < tomorrow], [0, 1, 2], 3).astype(np.int8)
    names = ["excluded", "closed", "lost", "open"]
    cells = leads[by].assign(outcome=pd.Categorical.from_codes(outcome, names))
    keys = list(by)
    if monthly:
        month = created.astype("datetime64[M]").astype("datetime64[us]")
        cells["period"] = np.where(created < tomorrow, month, np.datetime64("NaT"))
        keys.append("period")
    grouped = cells.groupby([*keys, "outcome"], dropna=False, observed=True).size()
    table = grouped.unstack("outcome", fill_value=0).rename_axis(columns=None).reset_index()
    table["n"] = n = table["closed"] + table["lost"] + table["open"]
    p = table["closed"] / n
    spread = Z * np.sqrt(p * (1 - p) / n + (Z / (2 * n)) ** 2)
    table["ratio"] = p
    table["lower"] = (p + Z**2 / (2 * n) - spread) / (1 + Z**2 / n)
    table["upper"] = (p + Z**2 / (2 * n) + spread) / (1 + Z**2 / n)
    table["as_of"] = AS_OF
    table["method"] = np.where(n > 0, "Wilson", None)
    return table[[*keys, "n", "closed", "open", "ratio", "lower", "upper", "method", "as_of", "excluded"]]


def rows() -> list[dict[str, Any]]:
    """Measure the ratio by channel, and by channel and month, on two sizes."""
    return [
        measured(leads, by, period)
        for leads in map(simulated_leads, (1_000_000, 5_000_000))
        for by, period in ((["channel"], None), (["channel"], "month"))
    ]


def measured(leads: pd.DataFrame, by: list[str], period: str | None) -> dict[str, Any]:
    """Measure one call against both baselines, outputs asserted equal."""
    functions = {
        "crmkit": lambda: metrics.lead_to_close(leads, as_of=AS_OF, by=by, period=period),
        "groupby of flags": lambda: groupby(leads, by, monthly=period is not None),
        "groupby of outcomes": lambda: sizes(leads, by, monthly=period is not None),
    }
    seconds, outputs = medians(functions, repeat=9)
    ours, mine = outputs.pop("crmkit"), seconds.pop("crmkit")
    for other in outputs.values():
        pd.testing.assert_frame_equal(ours, other, check_dtype=False, rtol=1e-9)
    name = " and ".join([*by, *([period] if period else [])])
    return row(f"lead_to_close by {name}, pandas, {len(leads) // 10**6} million leads", mine, seconds, 1.3)


if __name__ == "__main__":
    for one in rows():
        print(one)
