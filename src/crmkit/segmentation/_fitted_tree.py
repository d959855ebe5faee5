"""Give what a fitted tree can give, however it was grown: rules, text, SQL, JSON, scores of a table."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self

from crmkit import _frames, _params, _persist, _sql
from crmkit._frames import FrameT
from crmkit.errors import ColumnError
from crmkit.segmentation import _cart, _tree_features, _tree_rules
from crmkit.segmentation._cart import Node
from crmkit.segmentation._tree_features import Feature
from crmkit.stats.intervals import wilson_bounds

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SCORES = ("risk_class", "probability", "node")
_STATE = {
    "classes": list[str | bool | int | float],
    "classes_dtype": str,
    "named": bool,
    "features": tuple[Feature, ...],
    "nodes": tuple[Node, ...],
}


def shares(node: Node) -> list[float]:
    """Return the share of each class in a node."""
    total = sum(node.counts)
    return [count / total for count in node.counts]


class FittedTree:
    """Read a fitted tree in every form; a subclass fits it and has scikit-learn's ``get_params``."""

    classes_: "np.ndarray[Any, Any]"
    features_: tuple[Feature, ...]
    nodes_: tuple[Node, ...]
    n_features_in_: int
    feature_names_in_: "np.ndarray[Any, Any]"
    confidence: float
    get_params: Callable[[], dict[str, Any]]
    _check_params: Callable[[], object]
    _hints: ClassVar[dict[str, Any]]

    def _check_fitted(self) -> None:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)

    def score_table(self, frame: FrameT) -> FrameT:
        """Score a table inside its own engine.

        Parameters
        ----------
        frame : DataFrame
            Any engine's frame with the columns the tree was fitted on; it may be lazy.

        Returns
        -------
        DataFrame
            The same kind, with three more columns: risk_class, probability (the share of ``classes_[1]`` in
            the leaf; with more than two classes, that of risk_class) and node.

        Raises
        ------
        ColumnError
            If a column is missing, of a wrong type, or one of the three is there already.

        Examples
        --------
        >>> import pandas as pd
        >>> from crmkit.segmentation import RiskTree
        >>> tree = RiskTree(min_samples_leaf=1).fit(pd.DataFrame({"age": [20, 30, 50]}), ["no", "no", "yes"])
        >>> tree.score_table(pd.DataFrame({"age": [18, None, 60]}))
            age risk_class  probability  node
        0  18.0         no          0.0     1
        1   NaN         no          0.0     1
        2  60.0        yes          1.0     2
        """
        self._check_fitted()
        rows = _frames.lazy(frame)
        schema = rows.collect_schema()
        _frames.require(schema.names(), [feature.name for feature in self.features_], table="frame")
        taken = [name for name in SCORES if name in schema]
        if taken:
            msg = f"`frame` must not have the column {', '.join(taken)} yet: rename or drop it."
            raise ColumnError(msg)
        columns = [(one, _tree_features.expression(one, schema[one.name], rows)) for one in self.features_]
        scores = [self._score(number) for number in range(len(self.nodes_))]
        added = {
            what: _tree_rules.expression(self.nodes_, columns, [score[what] for score in scores])
            for what in SCORES
        }
        return _frames.give(rows.with_columns(**added), like=frame)

    def _score(self, number: int) -> dict[str, Any]:
        """Say what a leaf means, as plain Python values keyed by SCORES."""
        share = shares(self.nodes_[number])
        best = share.index(max(share))
        rated = 1 if len(share) == 2 else best
        label = self.classes_.tolist()
        return {
            "risk_class": label[best],
            "probability": share[rated],
            "node": number,
            "rate_of": label[rated],
        }

    def _rate(self, number: int) -> dict[str, Any]:
        """Give a node's base and rate with its Wilson interval."""
        score, counts = self._score(number), self.nodes_[number].counts
        n = sum(counts)
        share = counts[self.classes_.tolist().index(score["rate_of"])]
        lower, upper = wilson_bounds(min(share, n), n, confidence=self.confidence)
        return {**score, "n": n, "rate": share / n, "lower": lower, "upper": upper}

    def _steps(self) -> list[_tree_rules.Step]:
        self._check_fitted()
        return _tree_rules.steps(self.nodes_, self.features_)

    def _leaves(self) -> list[_tree_rules.Step]:
        return [step for step in self._steps() if self.nodes_[step.number].feature is None]

    def rules(self) -> "pd.DataFrame":
        """List the leaves as rules with their base, rate and interval.

        Returns
        -------
        pandas.DataFrame
            One row a leaf, highest rate first: node, rule (in words), n, one column n_<class> a class,
            risk_class (the prediction), rate_of (the class whose share rate is: ``classes_[1]`` of two, else
            risk_class), rate, lower, upper (Wilson).

        Notes
        -----
        A rule speaks of the levels and nulls seen in training; :meth:`to_sql` covers all others too.

        Examples
        --------
        >>> import pandas as pd
        >>> from crmkit.segmentation import RiskTree
        >>> orders = pd.DataFrame({"channel": ["web", "web", "shop", "shop"], "late": [1, 1, 0, 1]})
        >>> tree = RiskTree(min_samples_leaf=1).fit(orders[["channel"]], orders["late"])
        >>> tree.rules()[["rule", "n", "rate_of", "rate"]]
                      rule  n  rate_of  rate
        0  channel = 'web'   2       1   1.0
        1  channel = 'shop'  2       1   0.5
        """
        import pandas as pd

        rows = []
        for step in self._leaves():
            rate = self._rate(step.number)
            counts = self.nodes_[step.number].counts
            by_class = {f"n_{label}": count for label, count in zip(self.classes_, counts, strict=True)}
            ends = {name: rate[name] for name in ("risk_class", "rate_of", "rate", "lower", "upper")}
            text = _tree_rules.rule(step, self.features_)
            rows.append({"node": step.number, "rule": text, "n": rate["n"], **by_class, **ends})
        table = pd.DataFrame(rows).sort_values(["rate", "node"], ascending=[False, True], ignore_index=True)
        counted = [name for name in table if str(name) == "n" or str(name).startswith("n_")]
        whole = bool((table[counted] % 1 == 0).all(axis=None))
        return table.astype(dict.fromkeys(counted, "int64")) if whole else table

    def to_text(self) -> str:
        """Draw the tree as text, one line a node.

        Returns
        -------
        str
            The condition of each node, its n, its rate with the Wilson interval, and a leaf's class.

        Examples
        --------
        >>> from crmkit.segmentation import RiskTree
        >>> print(RiskTree(min_samples_leaf=2).fit([[1], [2], [8], [9]], ["a", "a", "b", "b"]).to_text())
        all: n 4, b 50% (15% to 85%)
        ├── x0 ≤ 5: n 2, b 0% (0% to 66%) → a
        └── x0 > 5: n 2, b 100% (34% to 100%) → b
        """
        lines = []
        steps = self._steps()
        open_branches: dict[int, bool] = {}
        for place, step in enumerate(steps):
            later = (one.depth for one in steps[place + 1 :] if one.depth <= step.depth)
            open_branches[step.depth] = next(later, -1) == step.depth
            stem = "".join("│   " if open_branches[depth] else "    " for depth in range(1, step.depth))
            twig = "" if not step.depth else "├── " if open_branches[step.depth] else "└── "
            lines.append(
                f"{stem}{twig}{_tree_rules.branch(step, self.features_)}: {self._words(step.number)}"
            )
        return "\n".join(lines)

    def _words(self, number: int) -> str:
        rate = self._rate(number)
        ends = f"{rate['lower']:.0%} to {rate['upper']:.0%}"
        leaf = f" → {rate['risk_class']}" if self.nodes_[number].feature is None else ""
        return f"n {rate['n']:.10g}, {rate['rate_of']} {rate['rate']:.0%} ({ends}){leaf}"

    def to_sql(self, *, dialect: str = "ansi", what: str = "class") -> str:
        """Write the tree as a SQL expression that scores a row where the data is.

        Parameters
        ----------
        dialect : {"ansi", "bigquery", "duckdb", "mysql", "postgres", "spark"}, default "ansi"
            Whose quotes and functions to use.
        what : {"class", "probability", "node"}, default "class"
            What the expression gives: one of the three columns of :meth:`score_table`.

        Returns
        -------
        str
            A CASE expression with one WHEN a leaf; the leaves cover every row exactly once, also rows with
            nulls, NaN and levels never seen.

        Raises
        ------
        ParameterError
            If `dialect` or `what` is not one of its options, or a name or text cannot be quoted.

        Notes
        -----
        Thresholds are written as doubles, so the comparison is that of :meth:`predict`, bit for bit. Texts
        are compared by the collation of the column.

        Examples
        --------
        >>> from crmkit.segmentation import RiskTree
        >>> print(RiskTree(min_samples_leaf=2).fit([[1], [2], [8], [9]], ["a", "a", "b", "b"]).to_sql())
        CASE
          WHEN "x0" <= 5.0e0 THEN 'a'
          WHEN ("x0" > 5.0e0 OR "x0" IS NULL) THEN 'b'
        END
        """
        column = {"class": "risk_class"}.get(_params.choice("what", what, ("class", *SCORES[1:])), what)
        rules = [
            (_tree_rules.conditions(step, self.features_), self._score(step.number)[column])
            for step in self._leaves()
        ]
        return _sql.case(rules, dialect)

    def to_json(self) -> str:
        """Write the fitted tree as JSON text.

        Returns
        -------
        str
            The model file; :meth:`from_json` reads it back exactly.

        Raises
        ------
        DataError
            If the classes are neither texts, numbers nor flags.

        Examples
        --------
        >>> from crmkit.segmentation import RiskTree
        >>> text = RiskTree().fit([[1], [2]], [0, 1]).to_json()
        >>> RiskTree.from_json(text).to_json() == text
        True
        """
        self._check_fitted()
        state = {
            "classes": self.classes_,
            "classes_dtype": self.classes_.dtype.str,
            "named": hasattr(self, "feature_names_in_"),
            "features": self.features_,
            "nodes": self.nodes_,
        }
        return _persist.dump(type(self).__name__, 1, params=self.get_params(), state=state)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a tree that :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            The model file.

        Returns
        -------
        RiskTree
            The fitted tree.

        Raises
        ------
        DataError
            If the text is not such a file, or its parts do not fit together.
        ParameterError
            If a parameter in it is outside its range.

        Examples
        --------
        >>> from crmkit.segmentation import RiskTree
        >>> RiskTree.from_json(RiskTree().fit([[1], [2]], [0, 1]).to_json()).predict([[2]])
        array([0])
        """
        import numpy as np

        params, state = _persist.load(text, cls.__name__, 1, params=cls._hints, state=_STATE)
        tree = cls(**params)
        tree._check_params()
        tree.features_, tree.nodes_ = state["features"], state["nodes"]
        fault = _cart.fault(tree.nodes_, tree.features_, len(state["classes"]))
        if fault:
            _persist.refuse(cls.__name__, fault)
        try:
            tree.classes_ = np.array(state["classes"], dtype=state["classes_dtype"])
        except (TypeError, ValueError):
            _persist.refuse(cls.__name__, f"its classes are not of the type {state['classes_dtype']!r}")
        tree.n_features_in_ = len(tree.features_)
        if state["named"]:
            tree.feature_names_in_ = np.array([one.name for one in tree.features_], dtype=object)
        return tree
