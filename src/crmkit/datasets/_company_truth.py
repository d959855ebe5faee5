"""The true parameters by which the simulated company lives; `simulate_company` documents each."""

from typing import Any

TRUTH: dict[str, Any] = {
    "purchases": {"r": 0.8, "alpha": 8.0, "a": 0.8, "b": 6.0},
    "spend": {"p": 4.0, "q": 3.2, "gamma": 100.0},
    "season": {
        "month": [0.85, 0.80, 0.95, 0.95, 1.0, 1.0, 0.85, 0.80, 1.0, 1.1, 1.3, 1.4],
        "weekday": [1.1, 1.1, 1.05, 1.05, 1.1, 0.9, 0.7],
    },
    "acquisition": {
        "early_share": 0.25,
        "early_days": 60,
        "mean_cost": {
            "web": 40.0,
            "advert": 120.0,
            "referral": 15.0,
            "event": 200.0,
            "e-mail": 30.0,
            "direct": 10.0,
        },
    },
    "customers": {
        "age_mean": 46.0,
        "age_sd": 12.0,
        "age_per_sd_of_value": 5.0,
        "region_share": {"north": 0.12, "south": 0.34, "east": 0.18, "west": 0.26, "abroad": 0.10},
        "gender_share": {"female": 0.5, "male": 0.46, "other": 0.04},
    },
    "leads": {
        "per_customer": 2,
        "share": {"web": 0.35, "advert": 0.25, "referral": 0.15, "event": 0.10, "e-mail": 0.15},
        "won_per_week": {"web": 0.015, "advert": 0.010, "referral": 0.060, "event": 0.020, "e-mail": 0.012},
        "lost_per_week": {"web": 0.055, "advert": 0.070, "referral": 0.040, "event": 0.060, "e-mail": 0.048},
        "lost_but_qualified": 0.45,
        "lost_but_quoted": 0.27,
        "campaign_share": 0.4,
    },
    "quotes": {
        "log_price_won": -0.05,
        "log_price_lost": 0.07,
        "log_price_sd": 0.15,
        "log_odds_slope": -16 / 3,
    },
    "opportunities": {"bias": {"Aho": 1.0, "Berg": 1.4, "Cruz": 0.8, "Dahl": 1.1, "Egan": 0.6}},
    "orders": {
        "return_share": 0.04,
        "price_increase": 0.03,
        "median_delivery_days": 3.0,
        "log_delivery_sd": 0.4,
        "margin": {"basics": 0.35, "tools": 0.45, "parts": 0.55, "care": 0.60, "design": 0.65},
        "web_share": {"under 35": 0.7, "35 to 54": 0.5, "55 and over": 0.3},
        "phone_share": {"under 35": 0.1, "35 to 54": 0.2, "55 and over": 0.35},
        "highest_discount": {"small": 0.05, "medium": 0.10, "large": 0.25},
    },
    "campaigns": {
        "cost_per_target": {"e-mail": 0.5, "advert": 0.03, "event": 0.45},
        "mailed_share": 0.5,
        "discount": 0.10,
        "bounced": 0.03,
        "opened": 0.40,
        "opened_after_dropout": 0.08,
        "clicked": 0.25,
        "ordered": {"under 35": 0.3, "35 to 54": 0.5, "55 and over": 0.7},
    },
    "visits": {
        "abandoned_baskets": 0.6,
        "anonymous_per_customer": 2.0,
        "page_share": {"home": 0.35, "category": 0.30, "product": 0.25, "support": 0.10},
    },
    "cases": {
        "per_order": 0.22,
        "frailty_shape": 0.6,
        "type_share": {"delivery": 0.30, "invoice": 0.15, "product": 0.35, "question": 0.20},
        "channel_share": {"phone": 0.45, "chat": 0.20, "e-mail": 0.35},
        "complaints": 0.3,
        "first_contact_resolution": 0.6,
        "median_response_hours": {"phone": 0.5, "chat": 0.2, "e-mail": 8.0},
        "log_response_sd": 1.2,
        "response_limit_hours": 24,
        "satisfaction": {"base": 5.2, "per_contact": -0.5, "complaint": -0.4, "sd": 0.7, "answered": 0.4},
        "response_within_limit": {"phone": 0.999372, "chat": 0.999967, "e-mail": 0.820038},
    },
    "responses": {
        "asked": {"nps": 0.35, "csat": 0.12, "ces": 0.15},
        "nps": {"promoter": 0.48, "passive": 0.32, "detractor": 0.20},
        "nps_after_complaint": {"promoter": 0.20, "passive": 0.30, "detractor": 0.50},
        "csat": [0.04, 0.06, 0.15, 0.40, 0.35],
        "ces": [0.30, 0.35, 0.20, 0.10, 0.05],
        "no_answer": 0.04,
    },
    "interactions": {
        "per_year": {"small": 0.5, "medium": 2.0, "large": 6.0},
        "type_share": {"call": 0.45, "e-mail": 0.35, "meeting": 0.20},
        "mean_minutes": {"call": 12.0, "e-mail": 6.0, "meeting": 60.0},
    },
    "subscriptions": {
        "share": 0.35,
        "alpha": 0.7,
        "beta": 12.0,
        "monthly_amount": {"basic": 12.0, "plus": 29.0, "premium": 79.0},
    },
    "readings": {"median_per_day": 12.0, "log_sd": 0.6},
    "invoices": {
        "terms_days": 30,
        "median_days_to_pay": 27.0,
        "log_days_sd": 0.35,
        "unpaid": 0.01,
        "correct": 0.97,
    },
    "cost_rates": {
        "sales contacts": 1.2,
        "mailings": 0.5,
        "order handling": 13.0,
        "picking": 0.6,
        "delivery": 16.0,
        "returns handling": 45.0,
        "customer service": 1.1,
        "payment reminders": 25.0,
        "account keeping": 2.0,
    },
    "unassigned_share": 0.08,
    "resources": {"practical_share": 0.8, "utilization": {"sales team": 0.9, "service desk": 0.75}},
    "ratings": {
        "sheet": "relationship_value",
        "attributes": ["critical goods", "volume", "hard to replace", "cost savings"],
        "share": 0.3,
        "mean": 3.0,
        "sd": 0.8,
        "attribute_sd": 0.5,
        "rater_bias": {"account manager": 0.3, "service manager": -0.2},
        "rater_sd": 0.4,
        "missing": 0.03,
    },
}

AGE_BANDS = ("under 35", "35 to 54", "55 and over")
SEGMENTS = ("small", "medium", "large")
SALESPEOPLE = tuple(TRUTH["opportunities"]["bias"])
LEAD_CHANNELS = tuple(TRUTH["leads"]["share"])
REGIONS = tuple(TRUTH["customers"]["region_share"])
