"""Grow a classification tree on weighted rows with scikit-learn's splits, in the units of the data.

scikit-learn chooses the splits; three of its habits would make the tree depend on how the data are stored,
so they are taken out here. It compares in single precision: numbers are replaced by their ranks, which single
precision holds exactly, and thresholds are translated back to doubles. It counts rows in the smallest leaf:
here weights are counted, so that a cell of weight 5 is five rows. And a null or a level that a node never saw
goes to its heavier side, by weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmkit.segmentation._tree_features import Feature

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the tree, whose place in the list is its number; a leaf has no `feature`.

    Rows go left where the number is at most `threshold` (None: where it is not null), or where the level is
    in `levels` (places in the feature's levels). Nulls of a number and unknown levels go left if
    `other_left`.
    """

    counts: tuple[float, ...]
    feature: int | None = None
    threshold: float | None = None
    levels: tuple[int, ...] = ()
    other_left: bool = False
    left: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True)
class Growth:
    """When to stop growing and what to prune: the checked parameters of the estimator."""

    max_depth: int | None
    min_samples_leaf: float
    ccp_alpha: float
    criterion: str
    random_state: int


def grow(
    columns: Sequence["Array"],
    features: Sequence[Feature],
    y: "Array",
    weight: "Array",
    classes: int,
    growth: Growth,
) -> list[Node]:
    """Grow a tree on encoded columns, class numbers and weights; rows and cells give the same tree."""
    from sklearn.tree import DecisionTreeClassifier

    held = weight > 0
    ranked = [_rank(column[held], feature) for column, feature in zip(columns, features, strict=True)]
    ranks, y, weight = _cells([one[0] for one in ranked], y[held], weight[held])
    table = _expand(ranks, [one[1] for one in ranked], features)
    total = float(weight.sum())
    # Sums of weights carry rounding: a leaf that has exactly the least weight must not fail by an ulp.
    least = growth.min_samples_leaf * (1 - 1e-9) / total
    tree = DecisionTreeClassifier(
        criterion=growth.criterion,
        max_depth=growth.max_depth,
        min_samples_split=2 if least <= 0.5 else len(y) + 1,
        min_weight_fraction_leaf=min(least, 0.5),
        ccp_alpha=growth.ccp_alpha,
        random_state=growth.random_state,
    ).fit(table.matrix, y, sample_weight=weight)
    return _translate(tree.tree_, table, y, weight, classes)


def _rank(column: "Array", feature: Feature) -> tuple["Array", "Array"]:
    """Replace numbers by their ranks, −1 for null, and give the value of each rank; levels have places."""
    import numpy as np

    if feature.kind != "number":
        return column, np.empty(0)
    held = ~np.isnan(column)
    ranks = np.full(len(column), -1)
    values, ranks[held] = np.unique(column[held], return_inverse=True)
    return ranks, values


def _cells(ranks: list["Array"], y: "Array", weight: "Array") -> tuple[list["Array"], "Array", "Array"]:
    """Add up rows that agree in everything, where there are fewer cells than rows."""
    import numpy as np

    cells, key = 1, np.zeros(len(y), dtype=np.int64)
    for column in [*ranks, y]:
        size = int(column.max()) + 2
        cells *= size
        if cells > len(y):
            return ranks, y, weight
        key = key * size + column + 1
    first = np.full(cells, -1)
    first[key[::-1]] = np.arange(len(y))[::-1]
    kept = first >= 0
    rows = first[kept]
    totals = np.bincount(key, weights=weight, minlength=cells)[kept]
    return [column[rows] for column in ranks], y[rows], totals


@dataclass(frozen=True, slots=True)
class _Table:
    """The matrix that scikit-learn sees: ranks of numbers, indicators of levels, and their sources."""

    matrix: "Array"
    source: list[tuple[int, int]]  # feature and level
    values: list["Array"]  # of each feature that is a number, the value of each rank


def _expand(ranks: list["Array"], values: list["Array"], features: Sequence[Feature]) -> _Table:
    import numpy as np

    source: list[tuple[int, int]] = []
    for place, feature in enumerate(features):
        # Two levels need one indicator: its mirror would tie with it at every node.
        source += [(place, level) for level in range(len(feature.levels) if len(feature.levels) > 2 else 1)]
    matrix = np.empty((len(ranks[0]), len(source)), dtype=np.float32, order="F")
    for column, (place, level) in enumerate(source):
        if features[place].kind != "number":
            matrix[:, column] = ranks[place] == level
        elif len(values[place]):
            matrix[:, column] = np.where(ranks[place] < 0, np.nan, ranks[place])
        else:
            matrix[:, column] = 0  # nothing but nulls
    return _Table(matrix, source, values)


def _translate(tree: Any, table: _Table, y: "Array", weight: "Array", classes: int) -> list[Node]:
    """Walk the rows down scikit-learn's tree and write its nodes in the units of the data, parents first."""
    import numpy as np

    goes_left = tree.__getstate__()["nodes"]["missing_go_to_left"]
    found: list[dict[str, Any]] = []
    pending: list[tuple[int, Array, int, str]] = [(0, np.arange(len(y)), 0, "")]
    while pending:
        place, rows, parent, side = pending.pop()
        number = len(found)
        if side:
            found[parent][side] = number
        counts = np.bincount(y[rows], weights=weight[rows], minlength=classes)
        found.append({"counts": tuple(counts.tolist())})
        if tree.children_left[place] < 0:
            continue
        column, threshold = int(tree.feature[place]), float(tree.threshold[place])
        values = table.matrix[rows, column]
        split, left = _split(table, column, threshold, values, weight[rows], goes_left[place])
        found[number] |= split
        sides = [int(tree.children_left[place]), int(tree.children_right[place])]
        if split.get("levels"):
            sides.reverse()  # an indicator is 1 on scikit-learn's right
        pending.append((sides[1], rows[~left], number, "right"))
        pending.append((sides[0], rows[left], number, "left"))
    return [Node(**fields) for fields in found]


def _split(
    table: _Table, column: int, threshold: float, values: "Array", weight: "Array", missing_left: bool
) -> tuple[dict[str, Any], "Array"]:
    """Describe a split and say which rows of the node it sends left."""
    import numpy as np

    feature, level = table.source[column]
    known = table.values[feature]
    if not len(known):
        left = values > 0.5
        heavier = bool(weight[left].sum() > weight[~left].sum())
        return {"feature": feature, "levels": (level,), "other_left": heavier}, left
    null = np.isnan(values)
    below = values <= threshold
    above = ~below & ~null
    heavier = bool(weight[below].sum() > weight[above].sum())
    other_left = bool(missing_left) if null.any() else heavier
    cut = None
    if above.any():
        low, high = known[int(values[below].max())], known[int(values[above].min())]
        cut = between(float(low), float(high))
    left = below | null if other_left else below
    return {"feature": feature, "threshold": cut, "other_left": other_left}, left


def between(low: float, high: float) -> float:
    """Return the number with the fewest digits in the middle half between two numbers.

    It separates them as ``low <= x < high``, and a manager can read it. Between neighbours it is `low`.
    """
    quarter = high / 4 - low / 4
    middle = low / 2 + high / 2
    for digits in range(1, 18):
        short = float(f"{middle:.{digits}g}")
        if abs(short - middle) <= quarter and low <= short < high:
            return short
    return low


def apply(nodes: Sequence[Node], features: Sequence[Feature], columns: Sequence["Array"]) -> "Array":
    """Return the number of the leaf that each row of the encoded columns falls into."""
    import numpy as np

    reached = np.zeros(len(columns[0]), dtype=np.intp)
    pending = [(0, np.arange(len(reached)))]
    while pending:
        number, rows = pending.pop()
        node = nodes[number]
        if node.feature is None or not len(rows):
            reached[rows] = number
            continue
        values = columns[node.feature][rows]
        if features[node.feature].kind == "number":
            other = np.isnan(values)
            left = ~other if node.threshold is None else values <= node.threshold
        else:
            other = values < 0
            left = np.isin(values, node.levels)
        left = left | other if node.other_left else left & ~other
        pending += [(node.left, rows[left]), (node.right, rows[~left])]
    return reached


def fault(nodes: Sequence[Node], features: Sequence[Feature], classes: int) -> str | None:
    """Say why nodes that were read from a file are not a tree, if they are not."""
    children: list[int] = []
    for number, node in enumerate(nodes):
        if len(node.counts) != classes or min(node.counts, default=-1) < 0 or not sum(node.counts) > 0:
            return f"node {number} must have {classes} counts, not negative and not all 0"
        if node.feature is None:
            continue
        if not 0 <= node.feature < len(features):
            return f"node {number} splits on column {node.feature} of {len(features)}"
        if min(node.left, node.right) <= number:
            return f"node {number} must stand before its children"
        if not _is_split(node, features[node.feature]):
            return f"node {number} has no split that suits its column"
        children += [node.left, node.right]
    if not nodes or sorted(children) != list(range(1, len(nodes))):
        return "its nodes are not one tree"
    return None


def _is_split(node: Node, feature: Feature) -> bool:
    if feature.kind == "number":
        return not node.levels and not (node.threshold is None and node.other_left)
    places = range(len(feature.levels))
    return node.threshold is None and bool(node.levels) and all(level in places for level in node.levels)
