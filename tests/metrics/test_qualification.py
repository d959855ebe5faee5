import pandas as pd
import pytest

from crmkit.errors import ColumnError, ParameterError
from crmkit.metrics import qualify

LEADS = pd.DataFrame(
    {
        "downloads": [0, 1, 0, 0],
        "visits": [1.0, 0.0, 3.0, None],
        "asked": [False, False, True, True],
        "source": ["ad", "fair", None, "ad"],
    }
)


@pytest.mark.parametrize(
    ("rule", "met"),
    [
        ("downloads >= 1 or visits >= 3", [False, True, True, False]),
        ("visits != 1", [False, True, True, False]),  # null is neither equal nor unequal
        ("visits < 2", [True, True, False, False]),
        ("visits > -1 and (asked or source == 'fair')", [False, True, True, False]),
        ("source != 'ad'", [False, True, False, False]),
        (" asked ", [False, False, True, True]),
        ("downloads == 0 and visits <= 1", [True, False, False, False]),
    ],
)
def test_rules(rule, met):
    got = qualify(LEADS, mql=rule, sql="visits > 100")
    assert got["mql"].tolist() == met
    assert got["lead_stage"].tolist() == ["MQL" if one else "none" for one in met]


def test_sales_qualified_wins():
    got = qualify(LEADS, mql="visits >= 3", sql="asked")
    assert got["lead_stage"].tolist() == ["none", "none", "SQL", "SQL"]
    pd.testing.assert_frame_equal(got[list(LEADS)], LEADS)


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "visits >",
        "not asked",
        "visits + 1 > 2",
        "visits > downloads",
        "1 < visits < 3",
        "visits is 3",
        "visits in [1, 2]",
        "visits > True",
        "visits > 1e999",
        "asked and asked > 1",
        "__import__('os')",
        "visits > __import__('os')",
        "\0",
        None,
        3,
    ],
)
def test_what_is_not_a_rule(rule):
    with pytest.raises(ParameterError, match="`sql` must be comparisons such as"):
        qualify(LEADS, mql="asked", sql=rule)


def test_columns():
    with pytest.raises(ColumnError, match=r"'visit' \(did you mean 'visits'"):
        qualify(LEADS, mql="visit > 1", sql="asked")
    with pytest.raises(ColumnError, match="numbers in 'source'"):
        qualify(LEADS, mql="source > 1", sql="asked")
    with pytest.raises(ColumnError, match="true or false in 'visits'"):
        qualify(LEADS, mql="visits", sql="asked")
    with pytest.raises(ColumnError, match="must not have the column mql, which"):
        qualify(LEADS.assign(mql=1), mql="asked", sql="asked")
