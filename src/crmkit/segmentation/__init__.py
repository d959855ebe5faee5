"""Which customers belong together: recency-frequency-money segments, matrices, trees.

`matrices` places customers in the cells of `matrix_catalogue`, with the strategy of each;
`trees` splits customers by rules that predict a class, `predictors` how far a single column gets.
"""

from typing import TYPE_CHECKING

from crmkit import _lazy

if TYPE_CHECKING:
    from crmkit.segmentation.matrices import (
        cell_counts as cell_counts,
        classify as classify,
        matrix_cuts as matrix_cuts,
    )
    from crmkit.segmentation.matrix_catalogue import (
        CPA as CPA,
        MATRICES as MATRICES,
        SHAPIRO as SHAPIRO,
        Axis as Axis,
        Cell as Cell,
        Matrix as Matrix,
    )
    from crmkit.segmentation.predictors import OneRule as OneRule, one_rule as one_rule
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
    from crmkit.segmentation.trees import RiskTree as RiskTree

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "matrices": ("cell_counts", "classify", "matrix_cuts"),
        "matrix_catalogue": ("CPA", "MATRICES", "SHAPIRO", "Axis", "Cell", "Matrix"),
        "predictors": ("OneRule", "one_rule"),
        "rfm_catalogue": ("SEGMENTS", "RFMCuts", "Segment"),
        "rfm_scores": ("rfm", "rfm_cuts", "rfm_score", "rfm_segments", "rfm_table"),
        "trees": ("RiskTree",),
    },
)
