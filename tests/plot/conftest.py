"""Customers that several tests of pictures share."""

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def donors():
    """Donors of the BG/BB paper who first gave in 1995."""
    table = {
        "frequency": [6, 5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 4, 3, 2, 1, 3, 2, 1, 2, 1, 1, 0],
        "recency": [6, 6, 6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4, 4, 4, 3, 3, 3, 2, 2, 1, 0],
        "n_periods": [6] * 22,
        "weight": [
            *(1203, 728, 512, 357, 234, 129, 335, 284, 225, 173, 119),
            *(240, 181, 155, 78, 322, 255, 129, 613, 277, 1091, 3464),
        ],
    }
    return pd.DataFrame(table)
