"""Carrying models over from lifetimes; what imports it runs in a process of its own."""

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from crmkit import clv
from crmkit.clv import bridge
from crmkit.datasets import load_cdnow
from crmkit.errors import ConvergenceError, ParameterError

START = """
import sys, warnings
import numpy as np, pandas as pd
from crmkit import clv
from crmkit.clv import bridge
from crmkit.datasets import load_cdnow
from crmkit.errors import ConvergenceError, ParameterError

import crmkit.clv.equity, crmkit.clv.validation, crmkit.clv.holdout, crmkit.clv.new_customers
assert "lifetimes" not in sys.modules
warnings.simplefilter("error")

def state():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        option = pd.get_option("mode.chained_assignment")
    return list(warnings.filters), option, np.random.get_state()[1].tolist(), np.geterr()

def close(one, other, tolerance):
    names = list(other)
    assert list(one) == names, (one, other)
    np.testing.assert_allclose([one[n] for n in names], [other[n] for n in names], rtol=tolerance)

summary = clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop")
donors = pd.DataFrame({
    "frequency": [6, 5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 4, 3, 2, 1, 3, 2, 1, 2, 1, 1, 0],
    "recency": [6, 6, 6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4, 4, 4, 3, 3, 3, 2, 2, 1, 0],
    "n_periods": [6] * 22,
    "weight": [1203, 728, 512, 357, 234, 129, 335, 284, 225, 173, 119]
    + [240, 181, 155, 78, 322, 255, 129, 613, 277, 1091, 3464],
})
clv.GammaGamma().fit(summary)  # scipy sets filters of its own when it is first used
before = state()
"""

ENGINE = """
for kind, data in (
    (clv.BetaGeoNBD, summary),
    (clv.ModifiedBetaGeoNBD, summary),
    (clv.ParetoNBD, summary),
    (clv.GammaGamma, summary),
    (clv.BetaGeoBetaBinomial, donors),
):
    mine, theirs = kind().fit(data), kind().fit(data, engine="lifetimes")
    close(theirs.params_, mine.params_, 3e-4 if kind is clv.ParetoNBD else 1e-5)
    close(kind().fit(data, engine="lifetimes").params_, theirs.params_, 0)
    assert mine.log_likelihood_ >= theirs.log_likelihood_ - 1e-6 * abs(mine.log_likelihood_)
    np.testing.assert_allclose(theirs.log_likelihood_, mine.log_likelihood_, rtol=1e-6)
    close(theirs.standard_errors_, mine.standard_errors_, 1e-2)
    assert theirs.n_customers_ == mine.n_customers_ and theirs.unit_ == mine.unit_
    assert state() == before, kind

for model in (clv.ModifiedBetaGeoCNBD(k=2), clv.ParetoNBD(purchase="T"), clv.BetaGeoNBD(dropout="T")):
    try:
        model.fit(summary, engine="lifetimes")
        raise SystemExit(f"{model} was fitted by lifetimes")
    except ParameterError as error:
        assert "`engine` must be 'crmkit' for a model or covariates that lifetimes" in str(error)
"""

CARRIED = """
x, t_x, T = summary["frequency"], summary["recency"], summary["T"]
repeat = summary[summary["frequency"] > 0]
with bridge.quiet() as lifetimes:
    fitters = {
        clv.BetaGeoNBD: lifetimes.BetaGeoFitter().fit(x, t_x, T),
        clv.ModifiedBetaGeoNBD: lifetimes.ModifiedBetaGeoFitter().fit(x, t_x, T),
        clv.ParetoNBD: lifetimes.ParetoNBDFitter().fit(x, t_x, T, initial_params=np.ones(4)),
        clv.GammaGamma: lifetimes.GammaGammaFitter().fit(repeat["frequency"], repeat["monetary_value"]),
        clv.BetaGeoBetaBinomial: lifetimes.BetaGeoBetaBinomFitter().fit(
            donors["frequency"], donors["recency"], donors["n_periods"], donors["weight"]
        ),
    }
    sparse = lifetimes.BetaGeoFitter(penalizer_coef=0.1).fit(x, t_x, T)
    unfitted = lifetimes.BetaGeoFitter()
assert state() == before
for kind, fitter in fitters.items():
    model = clv.from_lifetimes(fitter, unit="week")
    assert type(model) is kind
    close(model.params_, {name: float(fitter.params_[name]) for name in model.params_}, 1e-12)
    assert all(np.isfinite(list(model.standard_errors_.values()))), kind
    assert kind.from_json(model.to_json()).params_ == model.params_
    if kind is clv.GammaGamma:
        with bridge.quiet():
            theirs = fitter.conditional_expected_average_profit(repeat["frequency"], repeat["monetary_value"])
        np.testing.assert_allclose(model.expected_spend(repeat)["expected_spend"], theirs, rtol=1e-9)
        continue
    assert model.unit_ == "week"
    if kind is clv.BetaGeoBetaBinomial:
        assert model.n_customers_ == 11104
        with bridge.quiet():
            theirs = fitter.conditional_expected_number_of_purchases_up_to_time(
                5, donors["frequency"], donors["recency"], donors["n_periods"]
            )
        np.testing.assert_allclose(
            model.expected_purchases(donors, horizon=5)["expected_purchases"], theirs, rtol=1e-7
        )
        continue
    with bridge.quiet():
        theirs = fitter.conditional_expected_number_of_purchases_up_to_time(39, x, t_x, T)
    mine = model.expected_purchases(summary, horizon=39)["expected_purchases"]
    np.testing.assert_allclose(mine, theirs, rtol=1e-6)
assert clv.from_lifetimes(fitters[clv.ParetoNBD]).unit_ is None
penalised = clv.from_lifetimes(sparse)
assert penalised.log_likelihood_ < clv.BetaGeoNBD().fit(summary).log_likelihood_
for wrong in (unfitted, object(), clv.BetaGeoNBD().fit(summary)):
    try:
        clv.from_lifetimes(wrong)
        raise SystemExit(f"{wrong} was carried over")
    except ParameterError as error:
        assert "`fitter` must be a fitted BetaGeoBetaBinomFitter, BetaGeoFitter" in str(error), error
try:
    clv.from_lifetimes(fitters[clv.ParetoNBD], unit="fortnight")
    raise SystemExit("no error")
except ParameterError as error:
    assert "`unit` must be one of" in str(error)
assert state() == before
"""


@pytest.mark.parametrize("script", [ENGINE, CARRIED], ids=["engine", "carried"])
def test_in_a_process_of_its_own(script):
    done = subprocess.run([sys.executable, "-c", START + script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or done.stdout


class BetaGeoFitter:
    """What a fitted fitter looks like, without lifetimes."""

    def __init__(self, table, **params):
        self.data = table.rename(columns={"weight": "weights"})
        self.params_ = pd.Series(params)


@pytest.fixture(scope="module")
def table():
    x, t_x = [0, 1, 2, 5, 3], [0.0, 10, 20, 30, 25]
    return pd.DataFrame({"frequency": x, "recency": t_x, "T": 39.0, "weight": [50, 20, 9, 3, 5]})


def test_parameters_and_weights_are_taken_as_they_are(table):
    given = {"r": 0.3, "alpha": 5.0, "a": 0.8, "b": 2.5}
    model = clv.from_lifetimes(BetaGeoFitter(table, **given), unit="month")
    assert model.params_ == pytest.approx(given, rel=1e-12)
    assert model.n_customers_ == 87
    assert model.unit_ == "month"
    repeated = table.loc[np.repeat(table.index, table["weight"])].assign(weight=1)
    other = clv.from_lifetimes(BetaGeoFitter(repeated, **given))
    assert other.log_likelihood_ == pytest.approx(model.log_likelihood_, rel=1e-12)


def settings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        option = pd.get_option("mode.chained_assignment")
    return list(warnings.filters), option


def test_fitted_by_lifetimes_here_without_a_trace(monkeypatch, capsys):
    summary = clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop").head(400)
    mine, before = clv.BetaGeoNBD().fit(summary), settings()
    theirs = clv.BetaGeoNBD().fit(summary, engine="lifetimes")
    assert theirs.params_ == pytest.approx(mine.params_, rel=1e-4)
    assert settings() == before
    with pytest.raises(ParameterError, match="`engine` must be 'crmkit' for a model or covariates"):
        clv.BetaGeoNBD(purchase="T").fit(summary, engine="lifetimes")
    with bridge.quiet() as lifetimes:
        stuck = lifetimes.utils.ConvergenceError("The model\n did not converge.")

        def refuse(self, *data, weights):
            sys.stdout.write("success: False")
            raise stuck

        monkeypatch.setattr(lifetimes.BetaGeoFitter, "fit", refuse)
    with pytest.raises(
        ConvergenceError, match="^lifetimes did not converge. The model did not converge. Fit"
    ):
        clv.BetaGeoNBD().fit(summary, engine="lifetimes")
    assert settings() == before
    assert capsys.readouterr().out == ""


def test_settings_come_back_after_an_error():
    def fails():
        with bridge.quiet():
            pd.set_option("mode.chained_assignment", None)
            raise KeyError

    before = settings()
    with pytest.raises(KeyError):
        fails()
    assert settings() == before


def test_what_is_no_fitter(table):
    unfitted = BetaGeoFitter.__new__(BetaGeoFitter)
    bare = BetaGeoFitter(table)
    del bare.data
    for wrong in (None, 3, "BetaGeoFitter", BetaGeoFitter, unfitted, bare, clv.BetaGeoNBD()):
        with pytest.raises(ParameterError, match="`fitter` must be a fitted BetaGeoBetaBinomFitter"):
            clv.from_lifetimes(wrong)


def test_parameters_at_which_nothing_can_be_computed(table):
    """Lifetimes may end where a parameter overflows; numpy's own error says nothing to the user."""
    given = {"r": np.inf, "alpha": np.inf, "a": 1.0, "b": 1.0}
    with pytest.raises(ConvergenceError, match=r"cannot be computed at r inf, alpha inf.*engine='crmkit'"):
        clv.from_lifetimes(BetaGeoFitter(table, **given))
