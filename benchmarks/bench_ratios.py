"""Lead-to-close ratios of 1 million leads, against a pandas groupby written for this one table."""

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
    """Compute the same table by hand: counts of what holds as of the day, and Wilson's bounds."""
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


def rows(count: int = 1_000_000, repeat: int = 9) -> list[dict[str, Any]]:
    """Measure the ratio by channel, and by channel and month."""
    leads = simulated_leads(count)
    out = []
    for by, period in ((["channel"], None), (["channel"], "month")):
        functions = {
            "crmkit": lambda by=by, period=period: metrics.lead_to_close(
                leads, as_of=AS_OF, by=by, period=period
            ),
            "pandas groupby": lambda by=by, period=period: groupby(leads, by, monthly=period is not None),
        }
        seconds, outputs = medians(functions, repeat=repeat)
        pd.testing.assert_frame_equal(
            outputs["crmkit"], outputs["pandas groupby"], check_dtype=False, rtol=1e-9
        )
        name = "by " + " and ".join([*by, *([period] if period else [])])
        hand = {"pandas groupby": seconds["pandas groupby"]}
        out.append(
            row(
                f"lead_to_close {name}, pandas, {count:,} leads".replace(",", " ", 2),
                seconds["crmkit"],
                hand,
                1.3,
            )
        )
    return out


if __name__ == "__main__":
    for measured in rows():
        print(measured)
