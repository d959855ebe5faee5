"""Evaluate Wilson's score interval (1927) with + - * / and powers only, so that any engine can.

x successes of n trials have the ends T / (n + z²) and x²/n / T, where T = x + z²/2 + z √(x (n − x)/n + z²/4).
The lower one is the conjugate form of the textbook's: no cancellation, exactly 0 at x = 0; the order of the
sum makes the upper one exactly 1 at x = n. The same functions take numbers, numpy arrays and expressions.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import narwhals as nw


def term(x: Any, n: Any, z: float) -> Any:
    """Evaluate T, which both ends share."""
    half = z * z / 2
    root = z * (x * ((n - x) / n) + z * z / 4) ** 0.5
    return x + (half + root)


def ends(x: Any, n: Any, shared: Any, z: float) -> tuple[Any, Any]:
    """Evaluate the two ends from T."""
    return x * (x / n) / shared, shared / (n + z * z)


def expressions(x: "nw.Expr", n: "nw.Expr", shared: "nw.Expr", z: float) -> "tuple[nw.Expr, nw.Expr]":
    """Build the two ends as expressions, exact at x = n, where an engine's power may be one unit off.

    Make T a column first and pass that: an expression would be evaluated for either end.
    """
    import narwhals as nw

    lower, upper = ends(x, n, shared, z)
    return lower, nw.when(x == n).then(nw.lit(1.0)).otherwise(upper)
