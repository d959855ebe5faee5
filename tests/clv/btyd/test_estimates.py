import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri
from scipy.stats import chi2

from crmkit import clv
from crmkit.errors import CRMKitError, CRMKitWarning, DataError, ParameterError

DONORS = {
    "frequency": [3, 2, 1, 2, 1, 1, 0],
    "recency": [3, 3, 3, 2, 2, 1, 0],
    "n_periods": [3] * 7,
    "weight": [40, 30, 20, 25, 20, 60, 150],
}


@pytest.fixture(scope="module")
def model(customers):
    return clv.ParetoNBD(unit="week").fit(customers.assign(as_of="2024-03-31"))


@pytest.fixture(scope="module")
def split(customers):
    covariates = {"purchase": "age + channel", "dropout": ["member"]}
    return clv.ParetoNBD(**covariates, unit="week").fit(customers)


@pytest.fixture(scope="module")
def edge():
    x = np.random.default_rng(5).poisson(3, 300)
    t_x = np.where(x > 0, 30.0 - np.arange(300) / 100, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CRMKitWarning)
        return clv.BetaGeoNBD().fit({"frequency": x, "recency": t_x, "T": np.full(300, 30.0)})


def test_covariance_is_the_inverse_of_the_curvature(customers, model):
    """Second differences of the log-likelihood in the parameters themselves, off the diagonal too."""
    data = [customers[name].to_numpy(float) for name in ("frequency", "recency", "T")]
    point = np.array(list(model.params_.values()))

    def value(params):
        return model._formulas.likelihood(tuple(params), *data, order=0)[0].sum()

    step = 1e-3 * point
    curved = np.empty((4, 4))
    for i in range(4):
        for j in range(4):
            one, other = np.zeros(4), np.zeros(4)
            one[i], other[j] = step[i], step[j]
            corners = (
                value(point + one + other) - value(point + one - other),
                value(point - one + other) - value(point - one - other),
            )
            curved[i, j] = (corners[0] - corners[1]) / (4 * step[i] * step[j])
    found = model.covariance_
    assert list(found.index) == list(found.columns) == list(model.params_)
    assert np.allclose(found, np.linalg.inv(-curved), rtol=5e-3)
    assert np.array_equal(found, found.T)
    roots = dict(zip(found.columns, np.sqrt(np.diag(found)), strict=True))
    assert model.standard_errors_ == pytest.approx(roots, rel=1e-12)


def test_intervals_are_symmetric_in_logarithms_and_in_coefficients(split):
    table = split.confidence_intervals(confidence=0.8)
    assert table["parameter"].tolist() == [*split.params_, *split.coefficients_]
    assert table["standard_error"].tolist() == pytest.approx(list(split.standard_errors_.values()))
    z = ndtri(0.9)
    for row in table.itertuples():
        if row.parameter in split.params_:
            assert row.lower * row.upper == pytest.approx(row.estimate**2, rel=1e-9)
            assert math.log(row.upper / row.estimate) == pytest.approx(z * row.standard_error / row.estimate)
        else:
            assert row.lower + row.upper == pytest.approx(2 * row.estimate, rel=1e-9)
            assert row.upper - row.estimate == pytest.approx(z * row.standard_error)
    with pytest.raises(ParameterError, match="`confidence`"):
        split.confidence_intervals(confidence=95)


def test_information_criteria_count_coefficients(customers, model, split):
    assert model.aic_ == pytest.approx(8 - 2 * model.log_likelihood_)
    assert split.aic_ == pytest.approx(2 * 8 - 2 * split.log_likelihood_)
    assert split.bic_ == pytest.approx(8 * math.log(len(customers)) - 2 * split.log_likelihood_)


def test_repr_says_what_was_asked_and_found(model, edge):
    assert repr(clv.ParetoNBD(purchase=["age"], penalty=0.0)) == "ParetoNBD(purchase=['age'])"
    assert repr(clv.BetaGeoBetaBinomial(unit="year")) == "BetaGeoBetaBinomial(unit='year')"
    assert repr(model).startswith("ParetoNBD(unit='week'")
    assert f"fitted: r {model.params_['r']:.4g}, alpha" in repr(model)
    assert repr(model).endswith("1200 customers")
    assert "fitted: " in repr(edge)


@pytest.mark.parametrize(
    "ask",
    [
        lambda one: one.params_,
        lambda one: one.coefficients_,
        lambda one: one.covariance_,
        lambda one: one.standard_errors_,
        lambda one: one.aic_,
        lambda one: one.bic_,
        lambda one: one.boundary_,
        lambda one: one.confidence_intervals(),
        lambda one: one.to_json(),
        lambda one: clv.likelihood_ratio_test(one, one),
    ],
)
@pytest.mark.parametrize("kind", [clv.BetaGeoNBD, clv.ModifiedBetaGeoCNBD, clv.BetaGeoBetaBinomial])
def test_unfitted_models_say_so(kind, ask):
    with pytest.raises(CRMKitError, match="must be fitted before this"):
        ask(kind())


@pytest.mark.parametrize(
    "fit",
    [
        lambda frame: clv.BetaGeoNBD().fit(frame),
        lambda frame: clv.ModifiedBetaGeoNBD(unit="week", penalty=1.0, purchase=["age"]).fit(frame),
        lambda frame: clv.ModifiedBetaGeoCNBD().fit(frame),
        lambda frame: clv.ParetoNBD(purchase="channel * age + C(branch)", dropout=("member",)).fit(frame),
        lambda frame: clv.ParetoNBD(purchase="member", dropout="member", equal=True).fit(frame),
        lambda frame: clv.BetaGeoNBD(dropout=["member"], tied=False).fit(frame),
    ],
)
def test_json_gives_the_same_model_back(customers, fit):
    model = fit(customers.assign(as_of="2024-03-31"))
    text = model.to_json()
    back = type(model).from_json(text)
    assert back.to_json() == text
    assert back.params_ == model.params_
    assert back.coefficients_ == model.coefficients_
    pd.testing.assert_frame_equal(back.covariance_, model.covariance_)
    assert (back.log_likelihood_, back.aic_, back.bic_) == (model.log_likelihood_, model.aic_, model.bic_)
    assert (back.unit_, back.as_of_, back.n_cells_) == (model.unit_, model.as_of_, model.n_cells_)
    one, other = (each.expected_purchases(customers, horizon=9, confidence=0.9) for each in (model, back))
    pd.testing.assert_frame_equal(one, other)
    one, other = (float(each.predict_total(customers, horizon=9, random_state=2)) for each in (model, back))
    assert one == other


def test_models_are_cloned_and_changed_as_those_of_scikit_learn(model):
    base = pytest.importorskip("sklearn.base")
    asked = clv.ParetoNBD(purchase=["age"], penalty=2.0)
    again = base.clone(asked)
    assert again is not asked
    assert again.get_params() == asked.get_params()
    assert base.clone(clv.GammaGamma()).get_params() == {}
    unfitted = base.clone(model)
    with pytest.raises(CRMKitError, match="must be fitted"):
        unfitted.to_json()
    changed = type(model).from_json(model.to_json()).set_params(penalty=3.0)
    assert changed.get_params()["penalty"] == 3.0
    with pytest.raises(CRMKitError, match="must be fitted"):
        changed.to_json()
    with pytest.raises(ParameterError, match="must be arguments of ParetoNBD. Got 'k'"):
        asked.set_params(k=2)


def test_json_of_opportunities_and_of_a_boundary(edge):
    donors = clv.BetaGeoBetaBinomial(unit="year").fit(DONORS)
    assert clv.BetaGeoBetaBinomial.from_json(donors.to_json()).params_ == donors.params_
    back = clv.BetaGeoNBD.from_json(edge.to_json())
    assert back.boundary_ == edge.boundary_ is not None
    assert back._covariance is None
    assert np.isnan(list(back.standard_errors_.values())).all()
    assert repr(back) == repr(edge)


def state(change):
    return lambda body: change(body["state"])


@pytest.mark.parametrize(
    ("tamper", "match"),
    [
        (state(lambda s: s.update(as_of="soon")), "its as_of is not a date such as 2024-12-31"),
        (state(lambda s: s.update(as_of="20240331")), "its as_of is not a date"),
        (state(lambda s: s.update(as_of="2024-02-30")), "its as_of is not a date"),
        (state(lambda s: s["point"].pop()), "7 numbers where 8 are due"),
        (state(lambda s: s["point"].append(0.0)), "9 numbers where 8 are due"),
        (state(lambda s: s["point"].__setitem__(0, 1e4)), "its parameters are beyond"),
        (state(lambda s: s["point"].__setitem__(0, None)), "not a finite number"),
        (state(lambda s: s["covariance"][0].pop()), "covariance matrix of 8 × 8"),
        (state(lambda s: s["covariance"].pop()), "covariance matrix of 8 × 8"),
        (state(lambda s: s.update(covariance=[])), "covariance matrix of 8 × 8"),
        (state(lambda s: s["covariance"][0].__setitem__(0, -1.0)), "covariance matrix of 8 × 8"),
        (state(lambda s: s["covariance"][0].__setitem__(1, 5.0)), "covariance matrix of 8 × 8"),
        (state(lambda s: s.update(covariance=None)), "a covariance at a boundary, or none elsewhere"),
        (state(lambda s: s.update(runaway={"r": 1})), "a covariance at a boundary, or none elsewhere"),
        (state(lambda s: s.update(runaway={"z": 1}, covariance=None)), "boundary names other parameters"),
        (state(lambda s: s.update(runaway={"r": 2}, covariance=None)), "boundary names other parameters"),
        (state(lambda s: s.update(n_customers=-1.0)), "has no customers"),
        (state(lambda s: s.update(n_cells=0)), "has no customers"),
        (state(lambda s: s.update(longest=-1.0)), "has no customers"),
        (state(lambda s: s.update(unit="day")), "its unit is another one"),
        (state(lambda s: s["codings"].update(other=s["codings"].pop("dropout"))), "codings are not those"),
        (state(lambda s: s["codings"].pop("dropout")), "codings are not those"),
        (state(lambda s: s["codings"]["purchase"].update(terms=[["branch"], ["channel"]])), "codings are"),
        (state(lambda s: s["codings"]["purchase"].update(levels={})), "8 numbers where 7 are due"),
        (state(lambda s: s["codings"]["purchase"]["levels"].update(x=["a"])), "its levels of purchase"),
        (state(lambda s: s["codings"]["purchase"]["levels"].update(channel=["b", "a"])), "its levels"),
        (state(lambda s: s.pop("codings")), "lacks 'codings'"),
        (lambda body: body["params"].update(purchase=None), "codings are not those of its covariates"),
        (lambda body: body["params"].update(purchase=["age", "branch"]), "codings are not those"),
        (lambda body: body["params"].update(equal="yes"), "params.equal"),
        (lambda body: body["params"].update(tied=True), "unknown 'tied'"),
        (lambda body: body.update(model="BetaGeoNBD"), "it is a 'BetaGeoNBD'"),
        (lambda body: body.update(schema=2), "upgrade crmkit"),
    ],
)
def test_tampered_files_are_refused(split, tamper, match):
    body = json.loads(split.to_json())
    tamper(body)
    with pytest.raises(DataError, match=match):
        clv.ParetoNBD.from_json(json.dumps(body))


def test_tampered_arguments_are_refused(customers, split):
    body = json.loads(split.to_json())
    body["params"]["penalty"] = -1.0
    with pytest.raises(ParameterError, match="`penalty`"):
        clv.ParetoNBD.from_json(json.dumps(body))
    regular = json.loads(clv.ModifiedBetaGeoCNBD(k=2).fit(customers).to_json())
    regular["state"]["k"] = 0
    with pytest.raises(DataError, match=r"state\.k is 0"):
        clv.ModifiedBetaGeoCNBD.from_json(json.dumps(regular))
    with pytest.raises(DataError, match="not valid JSON"):
        clv.ParetoNBD.from_json("{")


def test_likelihood_ratio_test_is_wilks(customers, model, split):
    found = clv.likelihood_ratio_test(model, split)
    statistic = 2 * (split.log_likelihood_ - model.log_likelihood_)
    assert found.statistic == pytest.approx(statistic)
    assert found.degrees_of_freedom == 4
    assert float(found) == found.p_value == pytest.approx(chi2.sf(statistic, 4))
    assert found.to_dict() == {
        "statistic": found.statistic,
        "degrees_of_freedom": 4,
        "p_value": found.p_value,
    }
    assert found.p_value < 1e-3  # age and channel made the customers
    equal = clv.ParetoNBD(purchase="member", dropout="member", equal=True).fit(customers)
    free = clv.ParetoNBD(purchase="member", dropout="member").fit(customers)
    assert clv.likelihood_ratio_test(equal, free).degrees_of_freedom == 1


def test_likelihood_ratio_test_refuses_what_is_not_nested(customers, model, split):
    with pytest.raises(ParameterError, match="`larger` must be a model of the same kind"):
        clv.likelihood_ratio_test(split, model)
    with pytest.raises(ParameterError, match="`larger` must be a model of the same kind"):
        clv.likelihood_ratio_test(clv.BetaGeoNBD().fit(customers), split)
    with pytest.raises(ParameterError, match="`smaller` must be a fitted model"):
        clv.likelihood_ratio_test(5, split)
    with pytest.raises(ParameterError, match="`larger` must be a fitted model"):
        clv.likelihood_ratio_test(model, None)
    fewer = clv.ParetoNBD().fit(customers.head(900))
    with pytest.raises(ParameterError, match="same 900 customers"):
        clv.likelihood_ratio_test(fewer, split)
    held = clv.ParetoNBD(purchase=["age"], penalty=1.0).fit(customers)
    with pytest.raises(ParameterError, match="without a penalty"):
        clv.likelihood_ratio_test(model, held)


@pytest.mark.verify
def test_p_value_is_uniform_when_the_smaller_model_is_true(simulate):
    """The share of p-values below 5, 10, 25 and 50 % in 1 000 data sets in which a covariate is noise."""
    rng = np.random.default_rng(21)
    found = []
    for _ in range(1000):
        frame = simulate.beta_geo(rng, 1000, 0.8, 6.0, 0.8, 2.5, 40.0)
        frame["noise"] = rng.integers(0, 2, len(frame)).astype(float)
        plain, split = clv.BetaGeoNBD().fit(frame), clv.BetaGeoNBD(purchase=["noise"]).fit(frame)
        if plain.boundary_ is None and split.boundary_ is None:
            found.append(clv.likelihood_ratio_test(plain, split).p_value)
    assert len(found) > 950
    for share in (0.05, 0.1, 0.25, 0.5):
        spread = math.sqrt(share * (1 - share) / len(found))
        assert abs(np.mean(np.array(found) < share) - share) < 3.5 * spread
