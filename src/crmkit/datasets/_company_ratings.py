"""What managers of the simulated company think of customers: marks on a rating sheet, by two raters."""

import numpy as np
import pandas as pd

from crmkit.datasets._company_calendar import Calendar, Floats, pick
from crmkit.datasets._company_customers import People
from crmkit.datasets._company_truth import TRUTH

_SCALE = (1, 5)


def draw_ratings(rng: np.random.Generator, cal: Calendar, people: People) -> tuple[pd.DataFrame, Floats]:
    """Draw the true value of every relationship, and the marks that a share of them got on the last day."""
    truth, count = TRUTH["ratings"], len(people.ids)
    attributes, raters = truth["attributes"], truth["rater_bias"]
    value = rng.normal(truth["mean"], truth["sd"], count)
    rated = np.sort(rng.choice(count, max(round(truth["share"] * count), 1), replace=False))
    shape = (len(rated), len(attributes), len(raters))
    marks = value[rated, None, None] + rng.normal(0, truth["attribute_sd"], shape[:2])[:, :, None]
    marks = marks + np.array(list(raters.values())) + rng.normal(0, truth["rater_sd"], shape)
    marks = np.clip(np.rint(marks), *_SCALE)
    who, what, by = (axis.ravel() for axis in np.indices(shape))
    table = pd.DataFrame(
        {
            "customer_id": people.ids[rated][who],
            "attribute": pick(attributes, what),
            "rating": np.where(rng.random(marks.size) < truth["missing"], np.nan, marks.ravel()),
            "rater": pick(list(raters), by),
            "rated_at": cal.date(np.full(marks.size, float(cal.days))),
        }
    )
    return table, value
