"""BG/NBD on CDNOW with intervals for its parameters, against sampling the posterior in pymc-marketing."""

import logging
import time
import warnings
from collections.abc import Iterator
from typing import Any

from crmkit import clv
from crmkit.datasets import load_cdnow
from measuring import row


def rows() -> Iterator[dict[str, Any]]:
    summary = clv.summarize(load_cdnow(sample=True), as_of="1997-09-30", after="drop")
    clv.BetaGeoNBD().fit(summary)  # imports scipy
    start = time.perf_counter()
    mine = clv.BetaGeoNBD().fit(summary).confidence_intervals().set_index("parameter")
    mine_s = time.perf_counter() - start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("pymc").setLevel(logging.ERROR)
        from pymc_marketing.clv import BetaGeoModel

        model = BetaGeoModel(data=summary[["customer_id", "frequency", "recency", "T"]])
        start = time.perf_counter()
        model.fit(draws=500, tune=500, chains=2, cores=2, random_seed=1, progressbar=False)
        peer_s = time.perf_counter() - start
        posterior = model.fit_result
    for name in ("r", "alpha"):  # its priors pull a and b
        assert mine.loc[name, "lower"] < float(posterior[name].mean()) < mine.loc[name, "upper"], name
    yield row("BG/NBD on CDNOW with intervals", mine_s, {"pymc-marketing (MCMC)": peer_s}, None)
