"""MBG/NBD: as BG/NBD, and the chance to leave also follows the first purchase.

Batislam, Denizel & Filiztekin (2007), Empirical validation and comparison of models for customer base
analysis, International Journal of Research in Marketing 24(3); Hoppe & Wagner (2007), Customer base analysis:
the case for a central variant of the betageometric/NBD model, Marketing – Journal of Research and Management
3(2). A customer without a repeat purchase may have left.
"""

from functools import partial

from crmkit.clv.btyd import _geometric_dropout, _geometric_future
from crmkit.clv.btyd._geometric_dropout import NAMES as NAMES, start as start
from crmkit.clv.btyd._geometric_future import waiting_mean as waiting_mean, waiting_median as waiting_median

likelihood = partial(_geometric_dropout.likelihood, first=1)
alive = partial(_geometric_dropout.alive, first=1)
alive_later = partial(_geometric_future.alive_later, first=1)
expected = partial(_geometric_future.expected, first=1)
expected_new = partial(_geometric_future.expected_new, first=1)
counts = partial(_geometric_future.counts, first=1)
counts_new = partial(_geometric_future.counts_new, first=1)
discounted = partial(_geometric_future.discounted, first=1)
discounted_new = partial(_geometric_future.discounted_new, first=1)
draw = partial(_geometric_future.draw, first=1)
