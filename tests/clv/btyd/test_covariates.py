import numpy as np
import pandas as pd
import pytest

from crmkit import clv
from crmkit.clv.btyd.covariates import learn, parse
from crmkit.errors import ColumnError, DataError, ParameterError

ROWS = pd.DataFrame(
    {
        "age": [30.0, 40.0, 50.0, 20.0, 35.0, 60.0],
        "channel": ["web", "shop", "phone", "web", "shop", "web"],
        "branch": [2, 1, 2, 1, 2, 1],
        "member": [True, False, True, True, False, False],
        "net sales": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
    }
)


def coded(asked):
    older = ROWS.assign(age=ROWS["age"] + [1.0, 2.0, 3.0, 5.0, 8.0, 13.0])
    coding = learn(*parse("purchase", asked), pd.concat([ROWS, older]))
    return dict(zip(coding.names, coding.matrix(ROWS).T.tolist(), strict=True))


def test_nothing_asked_is_no_term():
    assert parse("purchase", None) == ((), frozenset())
    assert parse("purchase", []) == ((), frozenset())


def test_columns_and_formulas_code_alike():
    assert parse("purchase", ["age", "channel"])[0] == parse("purchase", "age + channel")[0]
    assert parse("purchase", ("age", "channel")) == parse("purchase", "~ age + channel")
    assert coded(["age"]) == {"age": ROWS["age"].tolist()}


def test_categories_leave_out_their_first_level():
    assert coded("channel") == {"channel[shop]": [0, 1, 0, 0, 1, 0], "channel[web]": [1, 0, 0, 1, 0, 1]}
    assert coded("C(branch)") == {"branch[2]": [1, 0, 1, 0, 1, 0]}
    assert coded("branch") == {"branch": ROWS["branch"].tolist()}
    assert coded("member") == {"member": [1, 0, 1, 1, 0, 0]}
    assert coded("C(member)") == {"member[True]": [1, 0, 1, 1, 0, 0]}
    assert coded('Q("net sales")') == {"net sales": ROWS["net sales"].tolist()}
    assert list(coded("C(Q('branch'))")) == ["branch[2]"]


def test_products_of_terms():
    found = coded("channel * age")
    assert list(found) == ["channel[shop]", "channel[web]", "age", "channel[shop]:age", "channel[web]:age"]
    assert found["channel[web]:age"] == [30, 0, 0, 20, 0, 60]
    assert coded("(age + member) ** 2")["age:member"] == [30, 0, 50, 20, 0, 0]


@pytest.mark.parametrize(
    ("formula", "match"),
    [
        ("np.log(age)", "make 'np.log\\(age\\)' a column first"),
        ("I(age ** 2)", "a column first"),
        ("__import__('os').system('true')", "a column first"),
        ("C(age, Treatment(2))", "a column first"),
        ("C(channel, levels=['web', 'shop'])", "a column first"),
        ("C(C(age))", "a column first"),
        ("C(5)", "a column first"),
        ("Q(age)", "a column first"),
        ("age.mean", "a column first"),
        ("'age'", "a column first"),
        ("y ~ age", "without a left side"),
        ("1", "at least one column"),
        ("", "a formula such as"),
        ("age + (", "a formula such as"),
        ("age channel", "a formula such as"),
        ("2 * age", "a formula such as"),
        ("0 + age", "with its intercept"),
        ("age - 1", "with its intercept"),
        ("age:channel", "age:channel comes with its parts"),
        ("age + age:channel", "comes with its parts"),
        ("C(branch) + branch", "each column in one form"),
        ("Q('age') + age", "each column in one form"),
        ("branch * C(branch)", "each column in one form"),
    ],
)
def test_formulas_that_are_refused(formula, match):
    with pytest.raises(ParameterError, match=match) as caught:
        parse("dropout", formula)
    assert "`dropout`" in str(caught.value)


@pytest.mark.parametrize("columns", [5, ["age", "age"], [5], {"age": 1}])
def test_lists_that_are_refused(columns):
    with pytest.raises(ParameterError, match="`purchase` must be"):
        parse("purchase", columns)


@pytest.mark.parametrize(
    ("asked", "rows", "match"),
    [
        (["age"], ROWS.assign(age=5.0), "one value only in 'age'"),
        (["channel"], ROWS.assign(channel="web"), "one value only in 'channel'"),
        (["age", "years"], ROWS.assign(years=ROWS["age"] * 2 + 1), "'age', 'years' do: leave one out"),
        ("channel * age", ROWS, "must not determine each other"),  # one customer phoned: no slope there
        (["member", "guest"], ROWS.assign(guest=~ROWS["member"]), "'member', 'guest' do"),
        ("channel * branch", ROWS.assign(branch=(ROWS["channel"] == "web") * 1.0), "one value only in"),
    ],
)
def test_covariates_that_no_data_could_tell_apart(asked, rows, match):
    with pytest.raises(DataError, match=match):
        learn(*parse("purchase", asked), rows)


def test_large_numbers_that_differ_little_are_not_constant():
    rows = ROWS.assign(day=1.7e9 + np.arange(6.0))
    assert learn(*parse("purchase", ["day"]), rows).names == ["day"]


def test_unseen_levels_are_named():
    coding = learn(*parse("purchase", ["channel"]), ROWS)
    with pytest.raises(
        DataError, match="one of the 3 values that the model was fitted on. Found 2 others, 'fax'"
    ):
        coding.matrix(ROWS.assign(channel=["fax", "tv", "web", "web", "web", "web"]))


def test_truth_is_recovered_by_pareto(simulate):
    rng, n = np.random.default_rng(8), 20_000
    z, web = rng.normal(size=n), rng.random(n) < 0.4
    alpha, beta = 8 * np.exp(-0.5 * z - 0.7 * web), 12 * np.exp(0.6 * z)
    frame = simulate.pareto(rng, n, 0.8, alpha, 0.7, beta, 40.0).assign(z=z, web=web)
    model = clv.ParetoNBD(purchase="z + web", dropout=["z"]).fit(frame)
    truth = {"r": 0.8, "alpha": 8, "s": 0.7, "beta": 12}
    truth |= {"purchase:z": 0.5, "purchase:web": 0.7, "dropout:z": -0.6}
    found = model.params_ | model.coefficients_
    for name, true in truth.items():
        assert abs(found[name] - true) < 3.5 * model.standard_errors_[name], name
        assert model.standard_errors_[name] < 0.15 * max(abs(true), 1), name


@pytest.mark.parametrize("tied", [True, False])
def test_truth_is_recovered_by_beta_geo(simulate, tied):
    rng, n = np.random.default_rng(9), 20_000
    z = rng.normal(size=n)
    slope_b = 0.5 if tied else -0.3
    a, b = 0.9 * np.exp(0.5 * z), 2.5 * np.exp(slope_b * z)
    frame = simulate.beta_geo(rng, n, 0.8, 5 * np.exp(-0.4 * z), a, b, 40.0).assign(z=z)
    model = clv.BetaGeoNBD(purchase=["z"], dropout=["z"], tied=tied).fit(frame)
    truth = {"r": 0.8, "alpha": 5, "a": 0.9, "b": 2.5, "purchase:z": 0.4}
    truth |= {"dropout:z": 0.5} if tied else {"dropout_a:z": 0.5, "dropout_b:z": slope_b}
    found = model.params_ | model.coefficients_
    assert found.keys() == truth.keys()
    for name, true in truth.items():
        assert abs(found[name] - true) < 3.5 * model.standard_errors_[name], name


def test_equal_coefficients_are_one_number(customers):
    model = clv.ParetoNBD(purchase=["age", "member"], dropout=["age"], equal=True).fit(customers)
    assert list(model.coefficients_) == ["age", "member"]
    free = clv.ParetoNBD(purchase=["age", "member"], dropout=["age"]).fit(customers)
    assert list(free.coefficients_) == ["purchase:age", "purchase:member", "dropout:age"]
    assert model.log_likelihood_ < free.log_likelihood_
    with pytest.raises(ParameterError, match="`tied` must be True where `equal` is"):
        clv.BetaGeoNBD(purchase=["age"], dropout=["age"], equal=True, tied=False).fit(customers)


def test_penalty_shrinks_and_does_not_enter_the_likelihood(customers):
    sizes, values = [], []
    for penalty in (0.0, 100.0, 1e8):
        model = clv.ParetoNBD(purchase=["age", "channel"], penalty=penalty).fit(customers)
        sizes.append(np.abs(list(model.coefficients_.values())).sum())
        values.append(model.log_likelihood_)
    assert sizes[0] > sizes[1] > sizes[2]
    assert sizes[2] < 1e-4
    assert values[0] > values[1] > values[2]
    plain = clv.ParetoNBD().fit(customers)
    assert values[2] == pytest.approx(plain.log_likelihood_, abs=0.01)
    with pytest.raises(ParameterError, match="`penalty`"):
        clv.ParetoNBD(purchase=["age"], penalty=-1).fit(customers)


def test_penalty_does_not_depend_on_the_unit_of_a_covariate(customers):
    months = customers.assign(age=customers["age"] * 12 + 5)
    one = clv.ParetoNBD(purchase=["age"], penalty=30.0).fit(customers)
    other = clv.ParetoNBD(purchase=["age"], penalty=30.0).fit(months)
    assert other.coefficients_["purchase:age"] == pytest.approx(
        one.coefficients_["purchase:age"] / 12, rel=1e-5
    )
    found = [each.expected_purchases(frame, horizon=9) for each, frame in ((one, customers), (other, months))]
    assert np.allclose(found[0]["expected_purchases"], found[1]["expected_purchases"], rtol=1e-6)


def test_recoding_leaves_fit_and_predictions(customers):
    """A flag, its text and its category say the same; so does a number and its multiple."""
    plain = clv.BetaGeoNBD(purchase=["member"]).fit(customers)
    texts = customers.assign(member=np.where(customers["member"], "yes", "no"))
    other = clv.BetaGeoNBD(purchase=["member"]).fit(texts)
    assert other.coefficients_["purchase:member[yes]"] == pytest.approx(
        plain.coefficients_["purchase:member"], rel=1e-6
    )
    numbers = clv.BetaGeoNBD(purchase=["member"]).fit(customers.assign(member=customers["member"] * 1))
    assert numbers.coefficients_ == pytest.approx(plain.coefficients_, rel=1e-9)
    found = plain.expected_purchases(customers, horizon=5, confidence=0.9).filter(like="expected")
    again = other.expected_purchases(texts, horizon=5, confidence=0.9).filter(like="expected")
    assert np.allclose(found, again, rtol=1e-5)


def test_tied_dropout_leaves_the_mean_chance_to_leave(customers):
    model = clv.BetaGeoNBD(dropout=["member"]).fit(customers)
    point = model._point
    for z in (0.0, 1.0):
        _, _, a, b = model._layout.design.params(point, np.array([[z]]))
        assert a[0] / (a[0] + b[0]) == pytest.approx(
            model.params_["a"] / (model.params_["a"] + model.params_["b"])
        )


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"age": np.nan}, DataError, "have no value in 'age'"),
        ({"age": np.inf}, DataError, "have an infinite value in 'age'"),
        ({"channel": None}, DataError, "have no value in 'channel'"),
        ({"channel": "fax"}, DataError, "1 others, 'fax'"),
        ({"age": "old"}, ColumnError, "numbers in 'age'"),
        ({"age": "40"}, ColumnError, "numbers in 'age'"),
    ],
)
def test_scoring_reads_covariates_as_the_fit_did(customers, change, error, match):
    model = clv.ParetoNBD(purchase="age + channel").fit(customers)
    with pytest.raises(error, match=match):
        model.expected_purchases(customers.assign(**change), horizon=3)
    with pytest.raises(ColumnError, match="'age'"):
        model.expected_purchases(customers.drop(columns="age"), horizon=3)


def test_fit_counts_rows_without_covariates(customers):
    age = customers["age"].where(np.arange(len(customers)) >= 7)
    with pytest.raises(DataError, match="7 of 1200 rows have no value in 'age'"):
        clv.ParetoNBD(purchase=["age"]).fit(customers.assign(age=age))
    with pytest.raises(ColumnError, match="'height'"):
        clv.ParetoNBD(purchase=["height"]).fit(customers)
    with pytest.raises(DataError, match="one value only in 'age'"):
        clv.ParetoNBD(purchase=["age"]).fit(customers.assign(age=40.0))


def test_new_customers_have_covariates_of_zero(customers):
    model = clv.ParetoNBD(purchase=["member"]).fit(customers)
    new = pd.DataFrame({"frequency": [0.0], "recency": [0.0], "T": [0.0], "member": [False]})
    found = model.expected_purchases(new, horizon=30, confidence=0.9).iloc[0]
    interval = model.purchases_of_new_customer(horizon=30, confidence=0.9)
    assert float(interval) == pytest.approx(found["expected_purchases"], rel=1e-9)
    assert interval.lower == pytest.approx(found["expected_purchases_lower"], rel=1e-5)
    assert interval.upper == pytest.approx(found["expected_purchases_upper"], rel=1e-5)
