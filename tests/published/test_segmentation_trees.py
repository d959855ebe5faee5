"""The credit-risk table of the reference, §8: which column predicts best, what the tree splits on."""

import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from crmkit.segmentation import RiskTree, one_rule

CREDIT = pd.DataFrame(
    [
        ("Joe", "high", "high", "yes", "good"),
        ("Sue", "low", "high", "yes", "good"),
        ("John", "low", "high", "no", "poor"),
        ("Mary", "high", "low", "yes", "poor"),
        ("Fred", "low", "low", "yes", "poor"),
    ],
    columns=["name", "debt", "income", "married", "risk"],
)
FEATURES = ["debt", "income", "married"]


@pytest.mark.parametrize(("column", "correct"), [("income", 4), ("debt", 3), ("married", 3)])
def test_correct_on_diagonal(column, correct):
    assert one_rule(CREDIT, column=column, target="risk").correct == correct


def test_income_splits_best_and_alone():
    def gini_left(column):
        def gini(risk):
            return 1 - sum((count / len(risk)) ** 2 for count in risk.value_counts())

        return sum(len(group) / 5 * gini(group) for _, group in CREDIT.groupby(column)["risk"])

    left = {column: gini_left(column) for column in FEATURES}
    assert min(left, key=left.get) == "income"
    assert sorted(left.values())[1] - left["income"] > 0.1


@pytest.mark.parametrize("random_state", range(10))
@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_tree_splits_on_income_then_married_and_leaves_debt_unused(random_state, criterion):
    tree = RiskTree(min_samples_leaf=1, criterion=criterion, random_state=random_state)
    rules = tree.fit(CREDIT[FEATURES], CREDIT["risk"]).rules()
    found = {row.rule: (row.n_good, row.n_poor, row.risk_class) for row in rules.itertuples()}
    assert found == {
        "income = 'low'": (0, 2, "poor"),
        "income = 'high' and married = 'no'": (0, 1, "poor"),
        "income = 'high' and married = 'yes'": (2, 0, "good"),
    }
    best = rules.sort_values("rate").iloc[0]
    assert best["rate_of"] == "poor"
    assert best["rule"] == "income = 'high' and married = 'yes'"


def test_five_rows_are_too_few_for_a_chi_square_split():
    # Why the default of five rows in a leaf stops at the root, as CHAID's test (p = .136) does.
    table = pd.crosstab(CREDIT["income"], CREDIT["risk"])
    assert chi2_contingency(table, correction=False).pvalue == pytest.approx(0.136, abs=5e-4)
    assert len(RiskTree().fit(CREDIT[FEATURES], CREDIT["risk"]).rules()) == 1
