"""Every table contract, declared: name, what a row is, columns with role and meaning.

A trailing ``!`` on a name marks a required column. Money is in one currency per table, net of tax.
"""

from crmkit.tables.contract import Column, Contract


def _contract(
    name: str, about: str, columns: dict[str, tuple[object, ...]], unique: str | None = None
) -> Contract:
    """Build a contract from ``{"name!": (role, about[, low[, high]])}``."""
    built = []
    for column, (role, meaning, *limits) in columns.items():
        low, high = (*limits, None, None)[:2]
        built.append(
            Column(column.rstrip("!"), str(role), str(meaning), column.endswith("!"), low, high)  # type: ignore[arg-type]  # limits are numbers or None
        )
    return Contract(name, about, tuple(built), unique)


_DECLARED = (
    _contract(
        "customers",
        "One row a customer.",
        {
            "customer_id!": ("key", "who"),
            "since": ("date", "first day as a customer"),
            "birth_date": ("date", "date of birth"),
            "age": ("number", "age in years", 0, 150),
            "gender": ("label", "gender as recorded"),
            "region": ("label", "region or country"),
            "segment": ("label", "the company's own segment"),
            "channel": ("label", "channel that acquired the customer"),
            "acquisition_cost": ("number", "money spent to acquire the customer", 0),
            "potential": ("number", "expected future profit a year, in money"),
        },
        unique="customer_id",
    ),
    _contract(
        "orders",
        "One row an order or an order line; a return is a negative amount.",
        {
            "customer_id!": ("key", "who bought"),
            "order_date!": ("date", "when"),
            "amount!": ("number", "net sales in money, negative for a return"),
            "order_id": ("key", "order that the line belongs to"),
            "product_id": ("label", "what was bought"),
            "quantity": ("number", "units, negative for a return"),
            "discount": ("number", "money taken off the list price", 0),
            "cost": ("number", "cost of the goods sold, in money"),
            "channel": ("label", "channel of the order"),
            "campaign": ("label", "campaign that the order answers"),
            "delivered_at": ("date", "when the order arrived"),
        },
    ),
    _contract(
        "products",
        "One row a product.",
        {
            "product_id!": ("key", "what"),
            "category": ("label", "product category"),
            "price": ("number", "list price, in money", 0),
            "unit_cost": ("number", "cost of one unit, in money", 0),
        },
        unique="product_id",
    ),
    _contract(
        "stock",
        "One row a product and day: units on hand, and units made since the row before.",
        {
            "product_id!": ("key", "what"),
            "date!": ("date", "day of the count"),
            "on_hand!": ("number", "units in stock", 0),
            "made": ("number", "units made", 0),
            "lead_time_days": ("number", "days from reorder to delivery", 0),
        },
    ),
    _contract(
        "leads",
        "One row a lead, with the date of each stage it reached; a lead with neither won nor lost is open.",
        {
            "lead_id!": ("key", "which lead"),
            "created_at!": ("date", "when the lead was generated"),
            "qualified_at": ("date", "when it was accepted by sales (SQL)"),
            "quoted_at": ("date", "when a formal quote was made"),
            "won_at": ("date", "when it became a sale"),
            "lost_at": ("date", "when it was lost"),
            "customer_id": ("label", "customer it became or belongs to"),
            "channel": ("label", "channel that generated it"),
            "campaign": ("label", "campaign that generated it"),
            "region": ("label", "region"),
            "salesperson": ("label", "who works on it"),
            "value": ("number", "expected value, in money", 0),
        },
        unique="lead_id",
    ),
    _contract(
        "quotes",
        "One row a formal quote; a quote with neither won nor lost is open.",
        {
            "quote_id!": ("key", "which quote"),
            "quoted_at!": ("date", "when it was sent"),
            "amount!": ("number", "quoted price, in money", 0),
            "won_at": ("date", "when it was accepted"),
            "lost_at": ("date", "when it was refused or lapsed"),
            "lead_id": ("label", "lead it belongs to"),
            "customer_id": ("label", "for whom"),
            "salesperson": ("label", "who made it"),
            "discount": ("number", "money off the list price", 0),
        },
        unique="quote_id",
    ),
    _contract(
        "opportunities",
        "One row an opportunity in the pipeline.",
        {
            "opportunity_id!": ("key", "which opportunity"),
            "created_at!": ("date", "when it was opened"),
            "value!": ("number", "value if won, in money", 0),
            "probability": ("number", "probability of winning, 0 to 1", 0, 1),
            "expected_close": ("date", "when it should close"),
            "stage": ("label", "stage of the pipeline"),
            "won_at": ("date", "when it was won"),
            "lost_at": ("date", "when it was lost"),
            "customer_id": ("label", "for whom"),
            "salesperson": ("label", "who works on it"),
        },
        unique="opportunity_id",
    ),
    _contract(
        "cases",
        "One row a service case.",
        {
            "case_id!": ("key", "which case"),
            "opened_at!": ("date", "when it was opened"),
            "customer_id": ("label", "who asked"),
            "type": ("label", "kind of case"),
            "channel": ("label", "channel of the first contact"),
            "product_id": ("label", "product concerned"),
            "first_response_at": ("date", "when it was first answered"),
            "resolved_at": ("date", "when it was resolved; null while open"),
            "contacts": ("number", "contacts until it was resolved", 0),
            "handling_minutes": ("number", "working time spent, in minutes", 0),
            "satisfaction": ("number", "score given by the customer"),
            "complaint": ("flag", "whether it is a complaint"),
        },
        unique="case_id",
    ),
    _contract(
        "responses",
        "One row an answer to a survey question.",
        {
            "response_id!": ("key", "which answer"),
            "answered_at!": ("date", "when"),
            "score": ("number", "score on the scale of the question"),
            "question": ("label", "which question, such as nps, csat or ces"),
            "customer_id": ("label", "who answered"),
            "product_id": ("label", "about which product"),
        },
        unique="response_id",
    ),
    _contract(
        "campaigns",
        "One row a campaign.",
        {
            "campaign!": ("key", "which campaign"),
            "started_at!": ("date", "first day"),
            "ended_at": ("date", "last day"),
            "channel": ("label", "channel used"),
            "cost": ("number", "money spent", 0),
            "targets": ("number", "people aimed at", 0),
        },
        unique="campaign",
    ),
    _contract(
        "messages",
        "One row a campaign message to one customer, with what became of it.",
        {
            "message_id!": ("key", "which message"),
            "sent_at!": ("date", "when it was sent"),
            "campaign": ("label", "campaign it belongs to"),
            "customer_id": ("label", "to whom"),
            "delivered_at": ("date", "when it was delivered"),
            "bounced_at": ("date", "when it bounced"),
            "opened_at": ("date", "when it was first opened"),
            "clicked_at": ("date", "when a link was first clicked"),
            "ordered_at": ("date", "when an order followed"),
        },
        unique="message_id",
    ),
    _contract(
        "visits",
        "One row a page view or a shop visit.",
        {
            "visitor_id!": ("key", "who, as far as it is known"),
            "visited_at!": ("date", "when"),
            "page": ("label", "page or shop"),
            "channel": ("label", "where the visitor came from"),
            "customer_id": ("label", "customer, when known"),
            "basket_value": ("number", "money in the basket", 0),
            "ordered": ("flag", "whether the visit ended in an order"),
        },
    ),
    _contract(
        "interactions",
        "One row a contact between the company and a customer or a lead.",
        {
            "customer_id!": ("key", "with whom"),
            "occurred_at!": ("date", "when"),
            "type": ("label", "call, meeting, e-mail, download"),
            "channel": ("label", "channel used"),
            "salesperson": ("label", "who for the company"),
            "minutes": ("number", "duration in minutes", 0),
        },
    ),
    _contract(
        "subscriptions",
        "One row a contract of a customer; no end date means that it runs.",
        {
            "subscription_id!": ("key", "which contract"),
            "customer_id!": ("key", "whose"),
            "started_at!": ("date", "first day"),
            "ended_at": ("date", "last day; null while it runs"),
            "plan": ("label", "type of contract"),
            "monthly_amount": ("number", "recurring revenue a month, in money", 0),
        },
        unique="subscription_id",
    ),
    _contract(
        "invoices",
        "One row an invoice.",
        {
            "invoice_id!": ("key", "which invoice"),
            "customer_id!": ("key", "to whom"),
            "invoiced_at!": ("date", "date of the invoice"),
            "amount!": ("number", "amount due, in money"),
            "due_at": ("date", "when it is due"),
            "paid_at": ("date", "when it was paid; null while open"),
            "order_id": ("label", "order that it bills"),
            "correct": ("flag", "whether it matched the order fully"),
        },
        unique="invoice_id",
    ),
    _contract(
        "ledger",
        "One row a cost booked on a resource.",
        {
            "resource!": ("key", "resource or account"),
            "cost!": ("number", "money, negative for a correction"),
            "period": ("date", "first day of the period"),
            "category": ("label", "cost category"),
        },
    ),
    _contract(
        "activities",
        "One row an activity with its cost pool.",
        {
            "activity!": ("key", "which activity"),
            "cost!": ("number", "money in the pool, negative for a correction"),
            "category": ("label", "cost category, such as pre-sale or distribution"),
            "driver": ("label", "name of the cost driver"),
            "driver_kind": ("label", "transaction, duration, or intensity: quantities are money"),
        },
        unique="activity",
    ),
    _contract(
        "drivers",
        "One row a quantity of an activity's driver that a customer caused; several rows add up.",
        {
            "customer_id!": ("key", "who caused it"),
            "activity!": ("key", "which activity"),
            "quantity!": ("number", "units of the driver", 0),
        },
    ),
    _contract(
        "resources",
        "One row a resource, such as a department (and period): what it costs, and the time it supplies.",
        {
            "resource!": ("key", "which resource"),
            "cost!": ("number", "money for all of it, negative for a correction"),
            "capacity_minutes!": ("number", "minutes paid for, before breaks and training", 1),
            "category": ("label", "cost category, such as pre-sale or distribution"),
            "period": ("date", "first day of the period"),
        },
    ),
    _contract(
        "ratings",
        "One row a mark that a rater gave a customer on one attribute of a rating sheet.",
        {
            "customer_id!": ("key", "who is rated"),
            "attribute!": ("key", "attribute, as the rating sheet calls it"),
            "rating!": ("number", "mark on the scale of the sheet; null where the rater gave none"),
            "rater": ("key", "who rated"),
            "rated_at": ("date", "when"),
        },
    ),
    _contract(
        "readings",
        "One row a reading of a usage meter.",
        {
            "customer_id!": ("key", "whose"),
            "read_at!": ("date", "when"),
            "reading!": ("number", "state of the meter, in its own unit", 0),
            "meter_id": ("label", "which meter"),
        },
    ),
)

CONTRACTS = {contract.name: contract for contract in _DECLARED}


def described() -> list[dict[str, str]]:
    """Describe every column of every contract, for the documentation.

    Returns
    -------
    list of dict
        ``table``, ``row``, ``column``, ``role``, ``required``, ``limits``, ``about``, all text.

    Examples
    --------
    >>> described()[0]["column"], described()[0]["required"]
    ('customer_id', 'yes')
    """
    rows = []
    for contract in CONTRACTS.values():
        for one in contract.columns:
            low = "" if one.low is None else f"≥ {one.low:g}"
            high = "" if one.high is None else f"≤ {one.high:g}"
            rows.append(
                {
                    "table": contract.name,
                    "row": contract.about,
                    "column": one.name,
                    "role": one.role,
                    "required": "yes" if one.required else "",
                    "limits": " ".join(filter(None, (low, high))),
                    "about": one.about,
                }
            )
    return rows
