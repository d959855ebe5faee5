"""Say what a tree's leaves are: as rules a manager can read, as SQL conditions, as narwhals expressions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw

from crmkit._sql import Condition
from crmkit.segmentation._cart import Node
from crmkit.segmentation._tree_features import Feature, Level


@dataclass(frozen=True, slots=True)
class Region:
    """What the path to a node allows in one column.

    Numbers above `low` and up to `high` (None: no bound; `numbers` False: none at all) or the `levels`, by
    place; `other` says whether nulls of a number, or levels that the tree never saw, are allowed too.
    """

    low: float | None = None
    high: float | None = None
    numbers: bool = True
    levels: frozenset[int] = frozenset()
    other: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """A node in its place: depth in the tree, the column that led to it, the regions of its path."""

    number: int
    depth: int
    last: int | None
    regions: dict[int, Region]


def steps(nodes: Sequence[Node], features: Sequence[Feature]) -> list[Step]:
    """List the nodes from the root down, each branch to its end, with the regions of their paths."""
    found: list[Step] = []
    pending = [Step(0, 0, None, {})]
    while pending:
        step = pending.pop()
        found.append(step)
        node = nodes[step.number]
        if node.feature is None:
            continue
        whole = Region(levels=frozenset(range(len(features[node.feature].levels))))
        region = step.regions.get(node.feature, whole)
        left, right = _halves(node, region, features[node.feature])
        for number, half in ((node.right, right), (node.left, left)):
            regions = step.regions | {node.feature: half}
            pending.append(Step(number, step.depth + 1, node.feature, regions))
    return found


def _halves(node: Node, region: Region, feature: Feature) -> tuple[Region, Region]:
    other_left = region.other and node.other_left
    other_right = region.other and not node.other_left
    if feature.kind != "number":
        chosen = frozenset(node.levels)
        left = replace(region, levels=region.levels & chosen, other=other_left)
        return left, replace(region, levels=region.levels - chosen, other=other_right)
    if node.threshold is None:
        return replace(region, other=other_left), replace(region, numbers=False, other=other_right)
    left = replace(region, high=node.threshold, other=other_left)
    return left, replace(region, low=node.threshold, other=other_right)


def rule(step: Step, features: Sequence[Feature]) -> str:
    """Write the path to a node in words, over the levels and nulls that the tree has seen."""
    return " and ".join(_words(one, features) for one in step.regions.items()) or "all"


def branch(step: Step, features: Sequence[Feature]) -> str:
    """Write the last condition of a path in words, as far as the whole path has narrowed it."""
    return "all" if step.last is None else _words((step.last, step.regions[step.last]), features)


def _words(item: tuple[int, Region], features: Sequence[Feature]) -> str:
    feature, region = features[item[0]], item[1]
    if feature.kind != "number":
        return _level_words(feature, region)
    name = feature.name
    if not region.numbers:
        return f"{name} is missing"
    if region.high is None:
        words = f"{name} is not missing" if region.low is None else f"{name} > {_short(region.low)}"
    else:
        low = "" if region.low is None else f"{_short(region.low)} < "
        words = f"{low}{name} ≤ {_short(region.high)}"
    return f"({words} or missing)" if region.other and feature.missing else words


def _level_words(feature: Feature, region: Region) -> str:
    inside = [feature.levels[place] for place in sorted(region.levels)]
    outside = [level for place, level in enumerate(feature.levels) if place not in region.levels]
    if len(inside) == 1:
        return f"{feature.name} is missing" if inside[0] is None else f"{feature.name} = {inside[0]!r}"
    if len(outside) == 1:
        return f"{feature.name} is not missing" if outside[0] is None else f"{feature.name} ≠ {outside[0]!r}"
    word, listed = ("in", inside) if len(inside) <= len(outside) else ("not in", outside)
    return f"{feature.name} {word} ({', '.join('missing' if one is None else repr(one) for one in listed)})"


def _short(value: float) -> str:
    return repr(value).removesuffix(".0")


def conditions(step: Step, features: Sequence[Feature]) -> list[Condition]:
    """Write the path to a node as conditions that hold for exactly the rows which fall into it."""
    found: list[Condition] = []
    for place, region in step.regions.items():
        feature = features[place]
        found += (_number_conditions if feature.kind == "number" else _level_conditions)(feature, region)
    return found


def _number_conditions(feature: Feature, region: Region) -> list[Condition]:
    name = feature.name
    if not region.numbers:
        return [Condition(name, "is null", nan=True)]
    bounds = [(">", region.low), ("<=", region.high)]
    found = [
        Condition(name, operator, value, or_null=region.other, nan=True)
        for operator, value in bounds
        if value is not None
    ]
    if not found and not region.other:
        return [Condition(name, "is not null", nan=True)]
    return found


def _level_conditions(feature: Feature, region: Region) -> list[Condition]:
    null = _null_allowed(feature, region)
    wanted = _places(feature, region, inside=not region.other)
    if not wanted:
        return [Condition(feature.name, "is not null" if region.other else "is null")]
    if len(wanted) == 1:
        return [Condition(feature.name, "<>" if region.other else "=", wanted[0], or_null=null)]
    return [Condition(feature.name, "not in" if region.other else "in", tuple(wanted), or_null=null)]


def _null_allowed(feature: Feature, region: Region) -> bool:
    if None in feature.levels:
        return feature.levels.index(None) in region.levels
    return region.other


def _places(feature: Feature, region: Region, *, inside: bool) -> list[Level]:
    """List the levels, null left out, inside or outside a region."""
    return [
        level
        for place, level in enumerate(feature.levels)
        if level is not None and (place in region.levels) is inside
    ]


def expression(
    nodes: Sequence[Node],
    columns: Sequence[tuple[Feature, nw.Expr]],
    answers: Sequence[Any],
    number: int = 0,
) -> nw.Expr:
    """Nest the splits into one narwhals expression that gives each row the answer of its leaf."""
    node = nodes[number]
    if node.feature is None:
        return nw.lit(answers[number])
    left, right = (expression(nodes, columns, answers, child) for child in (node.left, node.right))
    return nw.when(_goes_left(node, *columns[node.feature])).then(left).otherwise(right)


def _goes_left(node: Node, feature: Feature, column: nw.Expr) -> nw.Expr:
    """Test a split in a way that is true or false in every engine, never null."""
    if feature.kind == "number":
        other = column.is_null() | column.is_nan()
        below = ~other if node.threshold is None else column <= node.threshold
        return below | other if node.other_left else below & ~other
    null = column.is_null()
    left = [feature.levels[place] for place in node.levels]
    right = [level for place, level in enumerate(feature.levels) if place not in node.levels]
    named = [level for level in (right if node.other_left else left) if level is not None]
    hit = column.is_in(named) if named else null & ~null
    chosen = ~hit if node.other_left else hit
    null_left = None in left or (node.other_left and None not in right)
    return chosen | null if null_left else chosen & ~null
