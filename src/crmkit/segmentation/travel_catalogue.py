"""What the moves between the cells of the volume-loyalty matrix mean, declared as data.

The teaching texts contradict themselves: they place patrons where value is high and customers are loyal, yet
read the move from premium to patrons as loyalty on the decline. crmkit's convention: neglected is little
value and little loyalty, premium little value and much loyalty, patrons much of both, pitfall much value and
little loyalty; a change of loyalty decides the direction, and a change of value only where loyalty stayed.
"""

from dataclasses import dataclass

from crmkit import _params

DIRECTIONS = ("declining", "improving")


@dataclass(frozen=True, slots=True)
class Reading:
    """What it means when a customer moves from one cell to another.

    Parameters
    ----------
    before, after : str
        The two cells.
    direction : {"improving", "declining"}
        Which way the customer travels.
    text : str
        What the move says and what to do.
    convention : bool, default False
        Whether the reading is crmkit's own rather than the source's.

    Raises
    ------
    ParameterError
        If the cells are equal, or the direction is none of the two.

    Examples
    --------
    >>> VOLUME_LOYALTY_READINGS[0].direction
    'improving'
    """

    before: str
    after: str
    direction: str
    text: str
    convention: bool = False

    def __post_init__(self) -> None:
        _params.choice("direction", self.direction, DIRECTIONS)
        if _params.column("before", self.before) == _params.column("after", self.after):
            _params.fail("after", "another cell than `before`", self.after)


VOLUME_LOYALTY_READINGS = (
    Reading("neglected", "premium", "improving", "loyalty grows, and value may follow: keep going"),
    Reading("premium", "pitfall", "declining", "buys much more but can leave any day: act at once"),
    Reading("neglected", "patrons", "improving", "value and loyalty grow: find out what worked", True),
    Reading("neglected", "pitfall", "improving", "buys more without being bound: win its loyalty now", True),
    Reading("premium", "patrons", "improving", "loyal, and buys more: watch that loyalty keeps pace", True),
    Reading("premium", "neglected", "declining", "loyalty falls at little value: find out why", True),
    Reading("patrons", "premium", "declining", "loyal but buys less: find out what it still needs", True),
    Reading("patrons", "pitfall", "declining", "still buys much but is no longer bound: act at once", True),
    Reading("patrons", "neglected", "declining", "value and loyalty are lost: win back or let go", True),
    Reading("pitfall", "patrons", "improving", "loyalty has caught up with value: honour it", True),
    Reading("pitfall", "premium", "improving", "bound again, though it buys less: rebuild the volume", True),
    Reading("pitfall", "neglected", "declining", "the value has gone as the loyalty did: win back", True),
)
