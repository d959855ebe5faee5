"""BG/NBD: purchases at a gamma-mixed rate, a beta-mixed chance to leave after each repeat purchase.

Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2). A customer
without a repeat purchase cannot have left, so that his chance to be alive is 1.
"""

from functools import partial

from crmkit.clv.btyd import _geometric_dropout, _geometric_future
from crmkit.clv.btyd._geometric_dropout import NAMES as NAMES, start as start
from crmkit.clv.btyd._geometric_future import waiting_mean as waiting_mean, waiting_median as waiting_median

likelihood = partial(_geometric_dropout.likelihood, first=0)
alive = partial(_geometric_dropout.alive, first=0)
alive_later = partial(_geometric_future.alive_later, first=0)
expected = partial(_geometric_future.expected, first=0)
expected_new = partial(_geometric_future.expected_new, first=0)
counts = partial(_geometric_future.counts, first=0)
counts_new = partial(_geometric_future.counts_new, first=0)
discounted = partial(_geometric_future.discounted, first=0)
discounted_new = partial(_geometric_future.discounted_new, first=0)
draw = partial(_geometric_future.draw, first=0)
