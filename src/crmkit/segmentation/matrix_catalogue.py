"""Declare the published customer matrices as data: axes, cells, strategies, and where each comes from.

The sources' figures of some cells are lost or contradict themselves: what stands there then is crmkit's own
convention, said to be so in `Cell.convention` and replaceable with `Matrix.with_cells`. Strategies are worded
by crmkit throughout.
"""

import itertools

from crmkit.segmentation.matrix import Cell, Matrix
from crmkit.segmentation.matrix_axis import Axis

_THREE = ("low", "medium", "high")

SHAPIRO = Matrix(
    name="Shapiro: price and cost to serve",
    axes=(Axis("net_price", "net price realised"), Axis("cost_to_serve", "cost to serve")),
    cells=(
        Cell(
            ("high", "high"),
            "carriage trade",
            "keep the service and the price that pays for it",
            convention="strategy",
        ),
        Cell(
            ("high", "low"),
            "passive",
            "protect: keep the relationship easy and watch competitors' prices",
            convention="strategy",
        ),
        Cell(
            ("low", "high"),
            "aggressive",
            "renegotiate: charge for services or serve at lower cost",
            convention="strategy",
        ),
        Cell(
            ("low", "low"),
            "bargain basement",
            "keep it simple: standard offer, self-service",
            convention="strategy",
        ),
    ),
    source=(
        "Shapiro, Rangan, Moriarty and Ross (1987), 'Manage Customers for Profits (Not Just Sales)', Harvard "
        "Business Review 65(5)."
    ),
)

FIOCCA_ACCOUNTS = Matrix(
    name="Fiocca, step 1: importance and difficulty of the account",
    axes=(
        Axis("strategic_importance", "strategic importance", ("non-key", "key")),
        Axis("management_difficulty", "difficulty of managing it", ("easy", "difficult")),
    ),
    cells=(
        Cell(
            ("key", "difficult"),
            "key, difficult",
            "analyse in step 2, with the people and the time that the account takes",
            convention="strategy",
        ),
        Cell(
            ("key", "easy"),
            "key, easy",
            "analyse in step 2, and keep the account from becoming difficult",
            convention="strategy",
        ),
        Cell(
            ("non-key", "difficult"),
            "non-key, difficult",
            "lower the effort: standard terms, or let another channel serve it",
            convention="strategy",
        ),
        Cell(
            ("non-key", "easy"),
            "non-key, easy",
            "serve by routine, and look for accounts that could grow",
            convention="strategy",
        ),
    ),
    source=(
        "Fiocca (1982), 'Account Portfolio Analysis for Strategy Development', Industrial Marketing "
        "Management 11(1), 53-62. Key accounts go on to step 2."
    ),
)

_KEY_ACCOUNTS = {
    ("high", "strong"): ("hold", "keep the strength of the relationship, and its cost in check"),
    ("high", "medium"): ("improve", "invest in the relationship: the customer's business is worth it"),
    ("high", "weak"): ("improve", "build the relationship from the start, or accept that others hold it"),
    ("medium", "strong"): ("hold", "keep it, without investing more"),
    ("medium", "medium"): ("improve", "improve where it costs little, and measure whether it helps"),
    ("medium", "weak"): ("withdraw", "move effort to accounts that are worth more"),
    ("low", "strong"): ("hold", "take the returns while they last, without new investment"),
    ("low", "medium"): ("withdraw", "reduce effort step by step"),
    ("low", "weak"): ("withdraw", "leave, or serve only what pays by itself"),
}

FIOCCA_KEY_ACCOUNTS = Matrix(
    name="Fiocca, step 2: attractiveness of a key account and strength of the relationship",
    axes=(
        Axis("business_attractiveness", "attractiveness of the customer's business", _THREE),
        Axis("relationship_strength", "strength of the relationship", ("weak", "medium", "strong")),
    ),
    cells=tuple(
        Cell(levels, f"{action} ({', '.join(levels)})", f"{action}: {how}", convention="cell")
        for levels, (action, how) in _KEY_ACCOUNTS.items()
    ),
    source=(
        "Fiocca (1982), 'Account Portfolio Analysis for Strategy Development', Industrial Marketing "
        "Management 11(1), 53-62: nine cells that point to hold, improve or withdraw."
    ),
)

_VALUED = {
    "high": {
        "carriage trade": "partner, and price the service",
        "passive": "protect",
        "aggressive": "invest, and renegotiate",
        "bargain basement": "develop",
    },
    "low": {
        "carriage trade": "charge for the service, or standardise it",
        "passive": "harvest",
        "aggressive": "re-price, or release",
        "bargain basement": "let the customer serve himself",
    },
}

TURNBULL_ZOLKIEWSKI = Matrix(
    name="Turnbull and Zolkiewski: price, cost to serve and relationship value",
    axes=(*SHAPIRO.axes, Axis("relationship_value", "relationship value")),
    cells=tuple(
        Cell((*cell.levels, value), f"{cell.name}, {value} value", _VALUED[value][cell.name], "cell")
        for value, cell in itertools.product(("high", "low"), SHAPIRO.cells)
    ),
    source=(
        "Turnbull and Zolkiewski (1997), 'Profitability in Customer Portfolio Planning', in Ford (ed.), "
        "Understanding Business Markets, 2nd edition: Shapiro's axes and a third one."
    ),
)

_SEGMENTS = {
    ("high", "high"): ("protect and invest", "grow at the pace that can be kept up"),
    ("high", "medium"): ("invest to build", "challenge for the lead, and build on what is strong"),
    ("high", "low"): ("build selectively", "specialise where strengths are few, or withdraw"),
    ("medium", "high"): ("build selectively", "invest in the parts that are most attractive"),
    ("medium", "medium"): ("manage for earnings", "protect what there is, invest where risk is low"),
    ("medium", "low"): ("expand with care or harvest", "grow only where it costs little, else take the cash"),
    ("low", "high"): ("protect and refocus", "defend strengths, and look for attractive parts"),
    ("low", "medium"): ("manage for earnings", "protect the profitable part, and invest little"),
    ("low", "low"): ("divest", "sell or stop, and invest nothing until then"),
}

MCKINSEY_GE = Matrix(
    name="McKinsey/General Electric: attractiveness of a segment and fit of the company",
    axes=(
        Axis("segment_attractiveness", "attractiveness of the segment", _THREE),
        Axis("company_fit", "fit of company and network", _THREE),
    ),
    cells=tuple(
        Cell(levels, f"{action} ({', '.join(levels)})", f"{action}: {how}", convention="cell")
        for levels, (action, how) in _SEGMENTS.items()
    ),
    source=(
        "McKinsey & Company for General Electric (around 1970), applied to customers and segments: weighted "
        "ratings on both axes."
    ),
)

BCG = Matrix(
    name="Boston Consulting Group: market growth and relative market share",
    axes=(
        Axis("market_growth", "growth of the market"),
        Axis("relative_share", "relative market share", cuts=(1.0,), scale="log", descending=True),
    ),
    cells=(
        Cell(("high", "high"), "stars", "invest: they lead a market that grows"),
        Cell(("low", "high"), "cash cows", "milk: they earn the cash that the others need"),
        Cell(
            ("high", "low"),
            "question marks",
            "sort: support the few that can become stars, expect the others to become dogs",
        ),
        Cell(("low", "low"), "dogs", "ditch: stop, or keep only what pays for itself"),
    ),
    source=(
        "Henderson (1970), 'The Product Portfolio', BCG Perspectives; relative share is the own share over "
        "that of the largest competitor. A row is a product of a customer."
    ),
)

VOLUME_LOYALTY = Matrix(
    name="Volume and loyalty",
    axes=(Axis("value", "value of purchases"), Axis("loyalty", "loyalty")),
    cells=(
        Cell(("high", "high"), "patrons", "keep and honour: they carry the business", "cell"),
        Cell(("high", "low"), "pitfall", "act at once: much value that can leave any day", "cell"),
        Cell(("low", "high"), "premium", "develop: they stay, so let them buy more", "cell"),
        Cell(("low", "low"), "neglected", "serve at low cost, and see who answers to attention", "cell"),
    ),
    source=(
        "Teaching texts on customer loyalty; they contradict each other about where the four names stand. "
        "The move between two periods is what is read."
    ),
)

CPA = Matrix(
    name="Customer portfolio analysis: profit now and in future",
    axes=(
        Axis("current_profit", "profitable now", ("no", "yes"), cuts=(0.0,)),
        Axis("future_potential", "potential in future", ("no", "yes")),
    ),
    cells=(
        Cell(("yes", "yes"), "invest", "invest in the relationship"),
        Cell(("yes", "no"), "nurture", "find out with the customer why the outlook is poor, and mend it"),
        Cell(
            ("no", "yes"), "re-engineer", "serve at lower cost: less service, other channels, intermediaries"
        ),
        Cell(("no", "no"), "sack", "do not spend on it: let go or price to profit"),
    ),
    source="The groups of customer portfolio analysis in the CRM value chain: Buttle (2004).",
)

SATISFACTION_LOYALTY = Matrix(
    name="Satisfaction and loyalty",
    axes=(
        Axis("satisfaction", "satisfaction", ("unsatisfied", "satisfied")),
        Axis("loyalty", "loyalty", ("disloyal", "loyal")),
    ),
    cells=(
        Cell(("satisfied", "loyal"), "satisfied and loyal", "keep, and ask for recommendation", "cell"),
        Cell(
            ("satisfied", "disloyal"),
            "satisfied but disloyal",
            "find the reason: love of change, a competitor's pull, an offer that is out of date",
            "strategy",
        ),
        Cell(
            ("unsatisfied", "loyal"),
            "unsatisfied but loyal",
            "repair before a way out opens: held by lack of choice, a promise or habit",
            "strategy",
        ),
        Cell(
            ("unsatisfied", "disloyal"),
            "unsatisfied and disloyal",
            "solve what is cheap to solve, else let go",
            "cell",
        ),
    ),
    source="Jones and Sasser (1995), 'Why Satisfied Customers Defect', Harvard Business Review 73(6).",
)

MATRICES = {
    "shapiro": SHAPIRO,
    "fiocca_accounts": FIOCCA_ACCOUNTS,
    "fiocca_key_accounts": FIOCCA_KEY_ACCOUNTS,
    "turnbull_zolkiewski": TURNBULL_ZOLKIEWSKI,
    "mckinsey_ge": MCKINSEY_GE,
    "bcg": BCG,
    "volume_loyalty": VOLUME_LOYALTY,
    "cpa": CPA,
    "satisfaction_loyalty": SATISFACTION_LOYALTY,
}
