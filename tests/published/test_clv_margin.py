"""Golden numbers of reference §5 (margin multiple, what-if, company value, café case) and of textbooks."""

import pytest

from crmkit import clv

PUBLISHED = {
    0.6: (1.20, 1.15, 1.11, 1.07),
    0.7: (1.75, 1.67, 1.59, 1.52),
    0.8: (2.67, 2.50, 2.35, 2.22),
    0.9: (4.50, 4.09, 3.75, 3.46),
}


def test_published_table_of_margin_multiples():
    table = clv.margin_multiple_table()
    assert list(table.columns) == [0.10, 0.12, 0.14, 0.16]
    assert {r: tuple(row.round(2)) for r, row in table.iterrows()} == PUBLISHED


def test_hundred_a_year():
    assert round(float(clv.lifetime_value(100, retention=0.9, discount=0.12))) == 409


def test_clusters_a_and_b():
    a = clv.lifetime_value(400, retention=0.8, discount=0.12)
    b = clv.lifetime_value(200, retention=0.9, discount=0.12)
    assert float(a) == pytest.approx(1000)
    assert round(float(b), 2) == 818.18
    assert round(float(clv.company_value([500, 1000], [a, b])), 2) == 1_318_181.82


def test_two_points_of_retention():
    result = clv.what_if(clv.margin_multiple(retention=0.80, discount=0.12), retention=0.82)
    assert round(float(result.before), 4) == 2.5
    assert round(float(result.after), 4) == 2.7333
    assert round(100 * float(result), 2) == 9.33


def test_company_value():
    assert round(float(clv.company_value(43_700_000, 166.94)) / 1e9, 3) == 7.295


def test_cafe_case_with_the_published_error_beside_the_right_value():
    case = clv.average_customer_value(
        5.90, 4.2, weekly_spend=24.30, years=20, margin=0.213, retention=0.75, discount=0.10
    )
    assert case.simple == pytest.approx(25_272)
    assert round(case.custom, 2) == 5489.27
    assert round(case.traditional, 2) == 11_534.86
    assert round(case.mean, 2) == 14_098.71
    assert round(case.annual_margin, 2) == 269.15
    assert round(float(case.multiple), 6) == 2.142857
    assert round(float(case), 2) == 576.74


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"immediate": True}, 1.12 / 0.32),
        ({"growth": 0.05}, 0.8 / (1.12 - 0.84)),
        ({"growth": 0.05, "immediate": True}, 1.12 / (1.12 - 0.84)),
        ({"periods": 2}, 0.8 / 1.12 + 0.64 / 1.2544),
        ({"periods": 2, "growth": 0.05}, 0.8 / 1.12 + 0.64 * 1.05 / 1.2544),
        ({"periods": 2, "growth": 0.05, "immediate": True}, 1 + 0.84 / 1.12),
    ],
)
def test_forms_of_the_multiple_by_hand(asked, expected):
    assert float(clv.margin_multiple(retention=0.8, discount=0.12, **asked)) == pytest.approx(
        expected, rel=1e-14
    )


@pytest.mark.parametrize(
    ("growth", "printed"),
    [
        (0.00, [1.15, 1.67, 2.50, 4.09]),
        (0.02, [1.18, 1.72, 2.63, 4.46]),
        (0.04, [1.21, 1.79, 2.78, 4.89]),
        (0.06, [1.24, 1.85, 2.94, 5.42]),
        (0.08, [1.27, 1.92, 3.125, 6.08]),
    ],
)
def test_margins_that_grow(growth, printed):
    """Gupta and Lehmann (2003), Customers as assets: at 12 %. 3.125 lies between two roundings."""
    multiples = clv.margin_multiple_table((0.6, 0.7, 0.8, 0.9), (0.12,), growth=growth)[0.12]
    for found, expected in zip(multiples, printed, strict=True):
        assert round(found, 3 if expected == 3.125 else 2) == expected


def test_internet_provider_of_farris():
    """Marketing Metrics: 19.95 a month less 1.50 and 6 a year to keep .5 %; with the first month 1 209."""
    margin = 19.95 - 1.50 - 6 / 12
    asked = {"retention": 0.995, "discount": 0.01}
    assert round(float(clv.margin_multiple(**asked, immediate=True)), 2) == 67.33
    assert round(float(clv.lifetime_value(margin, **asked))) == 1191
    assert round(float(clv.lifetime_value(margin, **asked, immediate=True))) == 1209
    assert round(float(clv.lifetime_value(19.95 - 1.50, retention=0.99, discount=0.01))) == 913


def test_loyalty_programme_of_net4you():
    """Exercise on jiskha.com (1327778623): 67.2639, the fifth decimal cut off."""
    value = float(clv.lifetime_value(19.95 - 0.50 - 0.50, retention=0.788, discount=0.01))
    assert int(value * 1e4) / 1e4 == 67.2639


def test_first_case_of_berger_and_nasr():
    """Berger and Nasr (1998): 260 a year and 50 of promotion in the middle of each of ten years."""
    asked = {"retention": 0.75, "discount": 0.2, "immediate": True}
    margins = float(clv.lifetime_value(260, periods=11, **asked))
    promotion = float(clv.lifetime_value(50, periods=10, **asked)) / 1.2**0.5
    assert (round(margins, 2), round(promotion, 2)) == (689.39, 120.61)
    assert round(margins - promotion, 2) == 568.78
