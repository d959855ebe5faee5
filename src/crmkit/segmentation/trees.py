"""Split customers into groups of like risk with a classification tree whose rules a manager can read.

`RiskTree` is a scikit-learn classifier. The tree itself is a short list of nodes: `_tree_features` reads
the columns, `_cart` grows the nodes, `_fitted_tree` gives what any tree of such nodes can give: rules, text,
SQL, JSON, scores of a table inside its own engine.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import narwhals as nw
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from crmkit import _frames, _params
from crmkit.errors import DataError
from crmkit.segmentation import _cart, _tree_features
from crmkit.segmentation._cart import Growth
from crmkit.segmentation._fitted_tree import FittedTree, shares
from crmkit.stats.intervals import nominal

_WEIGHT = "_crmkit_weight"
_LARGEST = 1.7e308


class RiskTree(FittedTree, ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Classify customers with a tree of readable rules (CART).

    A scikit-learn classifier for two or more classes on a frame with numbers, texts, categories and
    flags, or on a numeric array. With two classes the rates are those of the second, ``classes_[1]``.

    Parameters
    ----------
    max_depth : int or None, default 4
        Most splits from the root to a leaf, at least 1; None is no limit.
    min_samples_leaf : float, default 5
        Least number of rows in a leaf, above 0; weights count as rows.
    ccp_alpha : float, default 0.0
        Price of a leaf in minimal cost-complexity pruning, at least 0; 0 is no pruning.
    criterion : {"gini", "entropy"}, default "gini"
        Impurity that the splits reduce.
    random_state : int, default 0
        Seed that breaks ties between columns that split equally well.
    confidence : float, default 0.95
        Nominal coverage of the intervals in the rules, at least 0.5 and below 1.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The classes, sorted.
    features_ : tuple
        What the tree knows of each column: name, kind, levels.
    nodes_ : tuple
        The nodes, root first; a leaf's place in it is its number.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : numpy.ndarray
        Names of the columns, if it was fitted on a frame.

    Notes
    -----
    Numbers split at the shortest decimal in the middle half of the gap between two values: ``age ≤ 30``
    where scikit-learn would say 31.5; the training rows fall the same way. Comparisons are in double
    precision, in Python as in SQL. Texts, categories and flags split one level off the others, which
    assumes no order of the levels; a chain of such splits is reported as one list.

    A null is a level of its own in a text or flag, and goes to the better side of a split on a
    number. What a column never showed in training – a level, or a null – goes to the side of the split that
    had more rows.

    Weights are counts: a row of weight 3 is three rows in `min_samples_leaf`, in `n` and in the intervals.
    The rates and intervals are those of the rows that grew the tree, hence too good: the leaves were
    chosen for their differences. Check them on rows the tree has not seen.

    References
    ----------
    Breiman, Friedman, Olshen & Stone (1984), Classification and Regression Trees.

    Examples
    --------
    >>> import pandas as pd
    >>> credit = pd.DataFrame({
    ...     "debt": ["high", "low", "low", "high", "low"],
    ...     "income": ["high", "high", "high", "low", "low"],
    ...     "married": ["yes", "yes", "no", "yes", "yes"],
    ...     "risk": ["good", "good", "poor", "poor", "poor"],
    ... }, index=["Joe", "Sue", "John", "Mary", "Fred"])
    >>> tree = RiskTree(min_samples_leaf=1).fit(credit[["debt", "income", "married"]], credit["risk"])
    >>> print(tree.to_text())
    all: n 5, poor 60% (23% to 88%)
    ├── income = 'high': n 3, poor 33% (6% to 79%)
    │   ├── married = 'no': n 1, poor 100% (21% to 100%) → poor
    │   └── married = 'yes': n 2, poor 0% (0% to 66%) → good
    └── income = 'low': n 2, poor 100% (34% to 100%) → poor
    """

    _hints: ClassVar = {
        "max_depth": int | None,
        "min_samples_leaf": int | float,
        "ccp_alpha": int | float,
        "criterion": str,
        "random_state": int,
        "confidence": int | float,
    }

    def __init__(
        self,
        *,
        max_depth: int | None = 4,
        min_samples_leaf: float = 5,
        ccp_alpha: float = 0.0,
        criterion: Literal["gini", "entropy"] = "gini",
        random_state: int = 0,
        confidence: float = 0.95,
    ) -> None:
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.ccp_alpha = ccp_alpha
        self.criterion = criterion
        self.random_state = random_state
        self.confidence = confidence

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Grow the tree.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n_samples, n_features)
            A local frame (pandas, polars, pyarrow) of numbers, texts, categories and flags, or a numeric
            array.
        y : array_like of shape (n_samples,)
            The class of each row.
        sample_weight : array_like of shape (n_samples,), optional
            Weights, not negative; they count as rows.

        Returns
        -------
        RiskTree
            The fitted tree.

        Raises
        ------
        ParameterError
            If a parameter is outside its range.
        ColumnError
            If a column holds neither numbers, texts nor flags.
        DataError
            If there is no row or no weight, a class is missing or is no label, a number is infinite or a text
            has more than 256 levels.

        Examples
        --------
        >>> RiskTree(min_samples_leaf=1).fit([[1.0], [2.0], [9.0]], ["low", "low", "high"]).predict([[8.0]])
        array(['high'], dtype='<U4')
        """
        growth = self._check_params()
        columns, y = self._read(X, y)
        if sample_weight is not None and not np.any(np.asarray(sample_weight, dtype=float)):
            msg = f"Sample weights must contain at least one non-zero number. All of {len(y)} rows have 0."
            raise DataError(msg)
        weight = _check_sample_weight(sample_weight, y, dtype=np.float64, ensure_non_negative=True)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.features_ = tuple(_tree_features.learn(columns, self._names()))
        encoded = _tree_features.encode(columns, self.features_)
        nodes = _cart.grow(encoded, self.features_, codes, weight, len(self.classes_), growth)
        self.nodes_ = tuple(nodes)
        return self

    def _check_params(self) -> Growth:
        nominal(self.confidence)
        return Growth(
            None if self.max_depth is None else _params.integer("max_depth", self.max_depth, low=1),
            _params.number("min_samples_leaf", self.min_samples_leaf, low=0, open_low=True),
            _params.number("ccp_alpha", self.ccp_alpha, low=0),
            _params.choice("criterion", self.criterion, ("gini", "entropy")),
            _params.integer("random_state", self.random_state, low=0, high=2**32 - 1),
        )

    def _read(self, X: Any, y: Any) -> tuple[list[_tree_features.Column], Any]:
        """Check and read the training rows."""
        if not _frames.is_frame(X):
            X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
            _check_classes(y)
            return _tree_features.read_array(X), y
        validate_data(self, X, y, skip_check_array=True)
        columns = self._columns(X)
        y = column_or_1d(y, warn=True)
        check_consistent_length(columns[0].values, y)
        nulls = int(pd.isna(y).sum())
        if nulls:
            msg = f"`y` must not be null. {nulls} of {len(y)} rows are: leave them out or give them a class."
            raise DataError(msg)
        _check_classes(y)
        return columns, y

    def _columns(self, X: Any) -> list[_tree_features.Column]:
        if isinstance(nw.from_native(X), nw.LazyFrame):
            _params.fail("X", "a local frame; fit_table and score_table take lazy ones", type(X).__name__)
        columns = _tree_features.read_frame(X)
        if not columns or not len(columns[0].values):
            msg = f"`X` must have at least one row and one column. Got the shape {X.shape}: check the filter."
            raise DataError(msg)
        return columns

    def _names(self) -> list[str]:
        if hasattr(self, "feature_names_in_"):
            return [str(name) for name in self.feature_names_in_]
        return [f"x{place}" for place in range(self.n_features_in_)]

    def fit_table(
        self,
        frame: Any,
        *,
        target: str,
        weight: str | None = None,
        features: Sequence[str] | None = None,
    ) -> Self:
        """Grow the tree on a table in any engine, which counts the identical rows first.

        Parameters
        ----------
        frame : DataFrame
            Any engine's frame; it may be lazy.
        target : str
            Column of the class.
        weight : str, optional
            Column of weights, at least 0; they count as rows.
        features : sequence of str, optional
            Columns to split on; every other column if not given.

        Returns
        -------
        RiskTree
            The fitted tree, equal to that of :meth:`fit` on the same rows.

        Raises
        ------
        ColumnError
            If a column is missing or of a wrong type.
        DataError
            If there are no rows, or a class or weight is null or a weight negative or infinite; and as
            :meth:`fit`.

        Notes
        -----
        One row for each combination of values comes to Python: band numbers with many values first.

        Examples
        --------
        >>> import pandas as pd
        >>> visits = pd.DataFrame({"visits": [1, 1, 2, 7, 7, 9], "bought": [0, 0, 0, 1, 1, 1]})
        >>> tree = RiskTree(min_samples_leaf=2).fit_table(visits, target="bought")
        >>> tree.rules()[["rule", "n", "rate"]]
                 rule  n  rate
        0  visits > 4  3   1.0
        1  visits ≤ 4  3   0.0
        """
        _params.column("target", target)
        if weight is not None:
            _params.column("weight", weight)
        schema = _frames.lazy(frame).collect_schema()
        others = [name for name in schema.names() if name not in (target, weight)]
        names = _params.names("features", features) or others
        kinds = {name: _tree_features.kind_of(schema[name]) for name in names if name in schema}
        roles = {name: "number" if kinds.get(name) == "number" else "label" for name in [*names, target]}
        rows = _frames.scan(frame, {**roles, weight: "number"} if weight else roles)
        checks = {f"have no '{target}'": nw.col(target).is_null()}
        if weight:
            w = nw.col(weight).cast(nw.Float64)
            checks[f"have a null or negative '{weight}'"] = w.is_null() | (w < 0)
            checks[f"have an infinite '{weight}'"] = w > _LARGEST
        if not _frames.refuse(rows, checks, table="frame"):
            msg = "`frame` must have at least one row. Got none: check the filter that made it."
            raise DataError(msg)
        total = nw.col(weight).sum() if weight else nw.len()
        cells = _frames.collect(rows.group_by(*names, target).agg(total.alias(_WEIGHT)))
        flags = [name for name, kind in kinds.items() if kind == "flag"]
        cells = cells.astype(dict.fromkeys(flags, "boolean"))  # with nulls they come as floats
        return self.fit(cells[names], cells[target].to_numpy(), cells[_WEIGHT].to_numpy(dtype=float))

    def apply(self, X: Any) -> "np.ndarray[Any, Any]":
        """Find the leaf of each row.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n_samples, n_features)
            Columns as in :meth:`fit`.

        Returns
        -------
        numpy.ndarray
            The number of the leaf, as in the column node of :meth:`rules`.

        Raises
        ------
        ColumnError
            If a column is not of the kind it was fitted with.

        Examples
        --------
        >>> RiskTree(min_samples_leaf=1).fit([[1.0], [2.0], [9.0]], [0, 0, 1]).apply([[8.0]])
        array([2])
        """
        check_is_fitted(self)
        if _frames.is_frame(X):
            validate_data(self, X, skip_check_array=True, reset=False)
            columns = self._columns(X)
        else:
            X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
            columns = _tree_features.read_array(X)
        return _cart.apply(self.nodes_, self.features_, _tree_features.encode(columns, self.features_))

    def predict_proba(self, X: Any) -> "np.ndarray[Any, Any]":
        """Give each row the shares of the classes in its leaf.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n_samples, n_features)
            Columns as in :meth:`fit`.

        Returns
        -------
        numpy.ndarray
            One column a class, in the order of ``classes_``.

        Raises
        ------
        ColumnError
            If a column is not of the kind it was fitted with.

        Examples
        --------
        >>> RiskTree(min_samples_leaf=2).fit([[1], [2], [9], [9]], [0, 1, 1, 1]).predict_proba([[1]])
        array([[0.5, 0.5]])
        """
        leaves = self.apply(X)
        table: np.ndarray[Any, Any] = np.array([shares(node) for node in self.nodes_])
        return np.take(table, leaves, axis=0)

    def predict(self, X: Any) -> "np.ndarray[Any, Any]":
        """Give each row the most frequent class of its leaf, the first one where two are equal.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n_samples, n_features)
            Columns as in :meth:`fit`.

        Returns
        -------
        numpy.ndarray
            The class of each row.

        Raises
        ------
        ColumnError
            If a column is not of the kind it was fitted with.

        Examples
        --------
        >>> RiskTree(min_samples_leaf=1).fit([[1], [2], [9]], ["no", "no", "yes"]).predict([[1], [8]])
        array(['no', 'yes'], dtype='<U3')
        """
        best = self.predict_proba(X).argmax(axis=1)
        labels: np.ndarray[Any, Any] = self.classes_[best]
        return labels


def _check_classes(y: Any) -> None:
    """Refuse a target of amounts, dates or other values that are no labels of a class."""
    try:
        check_classification_targets(y)
    except (TypeError, ValueError) as error:
        msg = f"{error} Convert the target to texts, flags or whole numbers, or cut it into classes first."
        raise DataError(msg) from None
