"""Which customers belong together: recency-frequency-money segments, matrices, trees.

`matrices` places customers in the cells of `matrix_catalogue`, with the strategy of each, `uncertainty` and
`simulation` say how surely;
`trees` splits customers by rules that predict a class, `predictors` how far a single column gets.
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.segmentation.assignment import assign_treatments as assign_treatments
    from crmkit.segmentation.bcg import (
        portfolio_balance as portfolio_balance,
        relative_share as relative_share,
    )
    from crmkit.segmentation.bivariate import bivariate_matrix as bivariate_matrix
    from crmkit.segmentation.limits import ConfidenceLimits as ConfidenceLimits
    from crmkit.segmentation.loyalty import loyalty_stages as loyalty_stages
    from crmkit.segmentation.matrices import (
        cell_counts as cell_counts,
        classify as classify,
        matrix_cuts as matrix_cuts,
    )
    from crmkit.segmentation.matrix import Cell as Cell, Matrix as Matrix
    from crmkit.segmentation.matrix_axis import Axis as Axis
    from crmkit.segmentation.matrix_catalogue import (
        BCG as BCG,
        CPA as CPA,
        FIOCCA_ACCOUNTS as FIOCCA_ACCOUNTS,
        FIOCCA_KEY_ACCOUNTS as FIOCCA_KEY_ACCOUNTS,
        MATRICES as MATRICES,
        MCKINSEY_GE as MCKINSEY_GE,
        SATISFACTION_LOYALTY as SATISFACTION_LOYALTY,
        SHAPIRO as SHAPIRO,
        TURNBULL_ZOLKIEWSKI as TURNBULL_ZOLKIEWSKI,
        VOLUME_LOYALTY as VOLUME_LOYALTY,
    )
    from crmkit.segmentation.pairwise import (
        PairwiseWeights as PairwiseWeights,
        pairwise_weights as pairwise_weights,
    )
    from crmkit.segmentation.portfolio import migration as migration
    from crmkit.segmentation.predictors import OneRule as OneRule, one_rule as one_rule
    from crmkit.segmentation.rating import rate as rate, rater_agreement as rater_agreement
    from crmkit.segmentation.rating_catalogue import RATING_SHEETS as RATING_SHEETS
    from crmkit.segmentation.rating_sheet import Attribute as Attribute, RatingSheet as RatingSheet
    from crmkit.segmentation.rfm_catalogue import (
        SEGMENTS as SEGMENTS,
        RFMCuts as RFMCuts,
        Segment as Segment,
    )
    from crmkit.segmentation.rfm_scores import (
        rfm as rfm,
        rfm_cuts as rfm_cuts,
        rfm_score as rfm_score,
        rfm_segments as rfm_segments,
        rfm_table as rfm_table,
    )
    from crmkit.segmentation.rhythm import Rhythm as Rhythm, purchase_rhythm as purchase_rhythm
    from crmkit.segmentation.simulation import (
        correlated_cell_probabilities as correlated_cell_probabilities,
        weighted_cell_probabilities as weighted_cell_probabilities,
    )
    from crmkit.segmentation.travel import axis_travel as axis_travel, cell_travel as cell_travel
    from crmkit.segmentation.travel_catalogue import (
        VOLUME_LOYALTY_READINGS as VOLUME_LOYALTY_READINGS,
        Reading as Reading,
    )
    from crmkit.segmentation.treatments import (
        TreatmentPlan as TreatmentPlan,
        plan_treatments as plan_treatments,
    )
    from crmkit.segmentation.trees import RiskTree as RiskTree
    from crmkit.segmentation.uncertainty import cell_probabilities as cell_probabilities
    from crmkit.segmentation.wallet import share_of_wallet as share_of_wallet

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "bcg": ("portfolio_balance", "relative_share"),
        "bivariate": ("bivariate_matrix",),
        "limits": ("ConfidenceLimits",),
        "matrices": ("cell_counts", "classify", "matrix_cuts"),
        "matrix": ("Cell", "Matrix"),
        "matrix_axis": ("Axis",),
        "matrix_catalogue": (
            "BCG",
            "CPA",
            "FIOCCA_ACCOUNTS",
            "FIOCCA_KEY_ACCOUNTS",
            "MATRICES",
            "MCKINSEY_GE",
            "SATISFACTION_LOYALTY",
            "SHAPIRO",
            "TURNBULL_ZOLKIEWSKI",
            "VOLUME_LOYALTY",
        ),
        "assignment": ("assign_treatments",),
        "loyalty": ("loyalty_stages",),
        "pairwise": ("PairwiseWeights", "pairwise_weights"),
        "portfolio": ("migration",),
        "predictors": ("OneRule", "one_rule"),
        "rating": ("rate", "rater_agreement"),
        "rating_catalogue": ("RATING_SHEETS",),
        "rating_sheet": ("Attribute", "RatingSheet"),
        "rfm_catalogue": ("SEGMENTS", "RFMCuts", "Segment"),
        "rfm_scores": ("rfm", "rfm_cuts", "rfm_score", "rfm_segments", "rfm_table"),
        "rhythm": ("Rhythm", "purchase_rhythm"),
        "simulation": ("correlated_cell_probabilities", "weighted_cell_probabilities"),
        "travel": ("axis_travel", "cell_travel"),
        "travel_catalogue": ("VOLUME_LOYALTY_READINGS", "Reading"),
        "treatments": ("TreatmentPlan", "plan_treatments"),
        "trees": ("RiskTree",),
        "wallet": ("share_of_wallet",),
        "uncertainty": ("cell_probabilities",),
    },
)
