"""The rating sheets of customer portfolio management, declared as data.

The attribute lists are those of the sources, in our own words. That all weights are equal, and which ratings
count in reverse, is crmkit's convention: change both with :meth:`RatingSheet.with_weights` or a sheet of your
own.
"""

from crmkit.segmentation.rating_sheet import Attribute, RatingSheet


def _lines(group: str, declared: dict[str, str]) -> tuple[Attribute, ...]:
    """Build attributes from ``{name: what a high rating says}``; a trailing ``-`` marks a reversed one."""
    return tuple(
        Attribute(name.removesuffix("-"), about, group, name.endswith("-"))
        for name, about in declared.items()
    )


_FIOCCA = (
    "Fiocca (1982), 'Account portfolio analysis for strategy development', Industrial Marketing Management 11"
)

_MACRO = {
    "political": "political conditions favour the customer",
    "economic": "the economy favours the customer",
    "social": "social change favours the customer",
    "technological": "new technology favours the customer",
    "environmental": "environmental concern favours the customer",
}

RATING_SHEETS = {
    "segment_attractiveness": RatingSheet(
        "attractiveness of a segment",
        _lines(
            "",
            {
                "size": "large",
                "growth": "fast",
                "price sensitivity-": "customers decide by price alone",
                "bargaining power of customers-": "customers dictate the terms",
                "ties to present suppliers-": "customers are bound to their suppliers",
                "entry barriers-": "hard for us to enter",
                "exit barriers-": "hard for us to leave",
                "competitors-": "many and powerful",
                "new entrants-": "more are about to enter",
                "differentiation": "much room to be different",
                "propensity to switch": "customers change supplier readily",
            },
        ),
        source="Attributes of market segment appraisal in Buttle, Customer Relationship Management (2004).",
    ),
    "company_fit": RatingSheet(
        "fit of the company and its network",
        _lines(
            "purpose",
            {
                "objectives": "serves our objectives",
                "mission": "serves our mission",
                "vision": "serves our vision",
                "values": "agrees with our values",
            },
        )
        + _lines(
            "means",
            {
                "operational competence": "we or our partners have all it takes",
                "marketing competence": "we or our partners have all it takes",
                "technological competence": "we or our partners have all it takes",
                "people": "we or our partners have the people",
                "other competences": "we or our partners have all it takes",
                "liquidity": "we can pay for it",
            },
        ),
        source="Attributes of company and network fit in Buttle, Customer Relationship Management (2004).",
    ),
    "strategic_importance": RatingSheet(
        "strategic importance of a customer",
        _lines(
            "",
            {
                "purchases": "buys much, in value or volume",
                "potential": "could buy much more",
                "prestige": "an account others look at",
                "market leadership": "leads its market",
                "diversification": "takes us into markets unlike our present ones",
                "access to new markets": "opens new markets to us",
                "technological expertise": "we learn technology from it",
                "effect on other relationships": "helps our other relationships",
            },
        ),
        source=f"{_FIOCCA}, step 1.",
    ),
    "management_difficulty": RatingSheet(
        "difficulty of managing a customer",
        _lines("product", {"novelty": "new to both sides", "complexity": "complex"})
        + _lines(
            "account",
            {
                "needs and requirements": "demanding",
                "buying behaviour": "hard to deal with",
                "power": "stronger than we are",
                "technical competence": "makes the account harder to serve",
                "commercial competence": "makes the account harder to serve",
                "preference for several suppliers": "never relies on one",
            },
        )
        + _lines(
            "competition for the account",
            {
                "number of competitors": "many",
                "strength of competitors": "strong, with few weaknesses",
                "position of competitors": "well placed with the customer",
            },
        ),
        source=f"{_FIOCCA}, step 1.",
    ),
    "business_attractiveness": RatingSheet(
        "attractiveness of a customer's business",
        _lines(
            "market",
            {
                "size of segments served": "large",
                "share of segments served": "large",
                "growth": "grows fast",
                "influence on its market": "sets the terms",
            },
        )
        + _lines(
            "competition",
            {
                "position and strength": "strong",
                "vulnerability to substitutes-": "easily replaced",
                "integration": "controls its supply and its outlets",
            },
        )
        + _lines(
            "finance and economics",
            {
                "margins": "high",
                "scale and experience": "large and experienced",
                "barriers to entry or exit": "protect the customer",
                "capacity utilisation": "full",
            },
        )
        + _lines(
            "technology",
            {
                "coping with change": "with ease",
                "depth of skills": "deep",
                "technological know-how": "of the kinds that matter",
                "patent protection": "well protected",
            },
        )
        + _lines("society and politics", {"adapting and fitting in": "with ease"}),
        source=f"{_FIOCCA}, step 2.",
    ),
    "relationship_strength": RatingSheet(
        "strength of the relationship with a customer",
        _lines(
            "",
            {
                "length": "a long relationship",
                "purchases": "buys much from us",
                "share of our sales": "a large part of our sales",
                "personal friendships": "many",
                "joint product development": "close",
                "management distance-": "language and culture are far apart",
                "geographical distance-": "far away",
            },
        ),
        source=f"{_FIOCCA}, step 2.",
    ),
    "relationship_value": RatingSheet(
        "value of the relationship beyond price and cost",
        _lines(
            "",
            {
                "critical goods": "our goods or services are critical to the customer",
                "volume": "brings us much volume",
                "hard to replace": "would be hard to replace",
                "cost savings": "saves us costs",
            },
        ),
        source=(
            "Turnbull and Zolkiewski (1997), 'Profitability in customer portfolio planning', in "
            "Understanding Business Markets."
        ),
    ),
    "switching_propensity": RatingSheet(
        "propensity of a customer to switch",
        _lines(
            "",
            {
                "satisfaction-": "content with the present supplier",
                "switching costs-": "a change would cost much money, time or disruption",
            },
        ),
        source=(
            "Account-level variables in Buttle, Customer Relationship Management (2004). High switching "
            "costs can keep a dissatisfied customer: read both ratings beside the score."
        ),
    ),
    "five_forces": RatingSheet(
        "competitive pressure on a customer's industry",
        _lines(
            "horizontal",
            {
                "rivalry": "fierce between those in the market",
                "new entrants": "many could enter",
                "substitutes": "many could replace the product",
            },
        )
        + _lines(
            "vertical", {"power of buyers": "dictate the terms", "power of suppliers": "dictate the terms"}
        ),
        source="Porter (1980), Competitive Strategy. A low score is a profitable industry.",
    ),
    "peste": RatingSheet(
        "macro-environment of a customer",
        _lines("", _MACRO),
        source="PESTE analysis; the lowest rating is a threat, the highest an opportunity.",
    ),
    "swot": RatingSheet(
        "strengths, weaknesses, opportunities and threats of a customer",
        _lines(
            "internal",
            {
                "sales": "a strength",
                "marketing": "a strength",
                "operations": "a strength",
                "finance": "a strength",
                "people management": "a strength",
                "processes across functions": "a strength, in new product development for example",
                "culture": "a strength",
            },
        )
        + _lines(
            "external",
            {
                "customers": "an opportunity",
                "suppliers": "an opportunity",
                "partners": "an opportunity",
                "investors": "an opportunity",
                **_MACRO,
            },
        ),
        source="SWOT analysis; the lowest rating is a weakness or threat, the highest their opposite.",
    ),
}
