"""What the scores of RFM mean: the thresholds behind them and the segments they form, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise, product
from typing import Any, Self

from crmkit import _params, _persist, _sql
from crmkit.stats.cuts import given_cuts

MEASURES = ("recency_days", "frequency", "monetary")
SCORES = ("r", "f", "m")
SCALE = 5
_MOST = 9


@dataclass(frozen=True, slots=True)
class RFMCuts:
    """Hold the thresholds that turn recency, frequency and money into scores.

    Parameters
    ----------
    recency_days, frequency, monetary : tuple of float
        Thresholds in increasing order, one to nine. A value on a threshold earns the better score: up to 30
        days, from 2 purchases, from 100 in money. A repeated threshold leaves a score empty.

    Raises
    ------
    ParameterError
        If thresholds are not finite, not in order, or too many.

    Examples
    --------
    >>> RFMCuts((30, 90, 365), (2, 4, 8), (100, 500, 2000)).bins
    (4, 4, 4)
    """

    recency_days: tuple[float, ...]
    frequency: tuple[float, ...]
    monetary: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in MEASURES:
            object.__setattr__(self, name, _thresholds(name, getattr(self, name)))

    @property
    def bins(self) -> tuple[int, int, int]:
        """The highest score of recency, of frequency and of money."""
        return len(self.recency_days) + 1, len(self.frequency) + 1, len(self.monetary) + 1

    def to_dict(self) -> dict[str, list[float]]:
        """Return the thresholds as a plain dictionary, ready for JSON.

        Returns
        -------
        dict of str to list of float
            One item a measure; ``RFMCuts(**dictionary)`` makes the same cuts.

        Examples
        --------
        >>> RFMCuts((30,), (2,), (100,)).to_dict()
        {'recency_days': [30.0], 'frequency': [2.0], 'monetary': [100.0]}
        """
        return {name: list(cuts) for name, cuts in asdict(self).items()}

    def to_json(self) -> str:
        """Write the thresholds as a model file.

        Returns
        -------
        str
            JSON that `from_json` reads.

        Examples
        --------
        >>> cuts = RFMCuts((30,), (2,), (100,))
        >>> RFMCuts.from_json(cuts.to_json()) == cuts
        True
        """
        return _persist.dump("RFMCuts", 1, params={}, state=self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the thresholds that `to_json` wrote.

        Parameters
        ----------
        text : str
            The JSON text.

        Returns
        -------
        RFMCuts
            The thresholds.

        Raises
        ------
        DataError
            If the text is not such a file.
        ParameterError
            If its thresholds are not in order.

        Examples
        --------
        >>> RFMCuts.from_json(RFMCuts((30,), (2,), (100,)).to_json()).frequency
        (2.0,)
        """
        _, state = _persist.load(text, "RFMCuts", 1, params={}, state=dict.fromkeys(MEASURES, list[float]))
        return cls(**state)

    def to_sql(self, *, dialect: str = "ansi") -> str:
        """Write the three scores as SQL expressions over ``recency_days``, ``frequency`` and ``monetary``.

        Parameters
        ----------
        dialect : {"ansi", "bigquery", "duckdb", "mysql", "postgres", "spark"}, default "ansi"
            The SQL to write.

        Returns
        -------
        str
            ``CASE … END AS r, CASE … END AS f, CASE … END AS m``, to be put after SELECT; a missing value
            has no score.

        Raises
        ------
        ParameterError
            If the dialect is unknown.

        Examples
        --------
        >>> print(RFMCuts((30,), (2,), (100,)).to_sql().partition(",")[0])
        CASE
          WHEN "recency_days" <= 30.0e0 THEN 2
          WHEN "recency_days" IS NOT NULL THEN 1
        END AS "r"
        """
        written = []
        for name, score, cuts in zip(MEASURES, SCORES, asdict(self).values(), strict=True):
            steps = list(range(1, len(cuts) + 2))
            compare, answers = ("<=", steps[::-1]) if score == "r" else ("<", steps)
            rules = [
                ([_sql.Condition(name, compare, cut, nan=True)], answers[place])
                for place, cut in enumerate(cuts)
                if cut not in cuts[:place]
            ]
            rules.append(([_sql.Condition(name, "is not null", nan=True)], answers[-1]))
            written.append(f"{_sql.case(rules, dialect)} AS {_sql.identifier(score, dialect)}")
        return ",\n".join(written)


def _thresholds(name: str, cuts: Any) -> tuple[float, ...]:
    """Check increasing thresholds of which some may repeat."""
    listed = list(cuts) if isinstance(cuts, list | tuple) else []
    distinct = [one for one, after in pairwise([*listed, None]) if one != after]
    if not 1 <= len(listed) <= _MOST or not distinct:
        _params.fail(name, f"a list of one to {_MOST} thresholds", cuts)
    given_cuts(distinct)
    return tuple(map(float, listed))


@dataclass(frozen=True, slots=True)
class Segment:
    """Declare a segment by ranges of scores on a scale of 1 to 5, where 5 is best.

    Parameters
    ----------
    name : str
        Its name.
    r, f, m : tuple of int, default (1, 5)
        Least and greatest score of recency, frequency and money.
    action : str, default ""
        What to do with its customers.

    Raises
    ------
    ParameterError
        If a range is not within 1 to 5.

    Examples
    --------
    >>> Segment("whales", m=(5, 5), action="give a name and a telephone number").m
    (5, 5)
    """

    name: str
    r: tuple[int, int] = (1, SCALE)
    f: tuple[int, int] = (1, SCALE)
    m: tuple[int, int] = (1, SCALE)
    action: str = ""

    def __post_init__(self) -> None:
        for score in SCORES:
            ends = getattr(self, score)
            if not isinstance(ends, tuple) or len(ends) != 2 or not 1 <= ends[0] <= ends[1] <= SCALE:
                _params.fail(score, f"a pair of a least and a greatest score within 1 to {SCALE}", ends)

    def holds(self, r: int, f: int, m: int) -> bool:
        """Say whether a customer with these scores belongs to the segment.

        Parameters
        ----------
        r, f, m : int
            Scores from 1 to 5.

        Returns
        -------
        bool
            True inside all three ranges.

        Examples
        --------
        >>> Segment("whales", m=(5, 5)).holds(1, 1, 5)
        True
        """
        return all(
            low <= x <= high for x, (low, high) in zip((r, f, m), (self.r, self.f, self.m), strict=True)
        )


SEGMENTS = (
    Segment(
        "champions", (5, 5), (4, 5), action="reward them, ask for referrals, show them what is new first"
    ),
    Segment("loyal customers", (3, 4), (4, 5), action="offer what goes with what they buy"),
    Segment("potential loyalists", (4, 5), (2, 3), action="invite into the loyalty programme, recommend"),
    Segment("new customers", (5, 5), (1, 1), action="welcome, help with the first use"),
    Segment("promising", (4, 4), (1, 1), action="bring about the second purchase"),
    Segment("need attention", (3, 3), (3, 3), action="offer something limited in time"),
    Segment("about to sleep", (3, 3), (1, 2), action="remind of what they liked"),
    Segment("cannot lose them", (1, 2), (5, 5), action="call in person, find out why they stay away"),
    Segment("at risk", (1, 2), (3, 4), action="win back with a personal offer"),
    Segment("hibernating", (1, 2), (1, 2), action="contact only where it costs next to nothing"),
)


def on_scale(score: int, bins: int) -> int:
    """Place a score of 1 to `bins` on the scale of the segments, by the middle of its share."""
    return -((-SCALE * (2 * score - 1)) // (2 * bins))


def cells(bins: Sequence[int], segments: Sequence[Segment]) -> dict[str, list[Any]]:
    """List every combination of scores with its number, code, total and segment, as columns."""
    names = [one.name for one in segments]
    if not names or len(set(names)) < len(names):
        _params.fail("segments", "a sequence of segments with distinct names", names)
    table: dict[str, list[Any]] = {"_cell": [], "rfm": [], "score": [], "segment": []}
    joint = "" if max(bins) < 10 else "-"
    for number, scores in enumerate(product(*(range(1, top + 1) for top in bins))):
        placed = [on_scale(score, top) for score, top in zip(scores, bins, strict=True)]
        table["_cell"].append(number)
        table["rfm"].append(joint.join(map(str, scores)))
        table["score"].append(sum(scores))
        table["segment"].append(_named(placed, segments))
    return table


def _named(scores: Sequence[int], segments: Sequence[Segment]) -> str:
    """Return the name of the first segment that holds the scores."""
    r, f, m = scores
    for segment in segments:
        if segment.holds(r, f, m):
            return segment.name
    return str(
        _params.fail("segments", f"one that holds each combination of scores, also {r}-{f}-{m}", segments)
    )


def cuts_from(cuts: RFMCuts | Mapping[str, Sequence[float]]) -> RFMCuts:
    """Return thresholds from what a person may give."""
    if isinstance(cuts, RFMCuts):
        return cuts
    if not isinstance(cuts, Mapping) or set(cuts) != set(MEASURES):
        _params.fail("cuts", f"an RFMCuts or a mapping with the items {', '.join(MEASURES)}", cuts)
    return RFMCuts(**{name: tuple(cuts[name]) for name in MEASURES})
