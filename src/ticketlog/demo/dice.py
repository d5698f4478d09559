"""Random choices that are the same on every machine and under every Python.

Only `Random.random()` is promised never to change, and only + - * / give the same bits
everywhere (logarithms don't): so everything here is made of these.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Weighted:
    """A choice whose weights are added up once."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        self.values = tuple(weights)
        self.sums = tuple(accumulate(weights.values()))


class Dice:
    """A seeded source of random choices."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed).random

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def pick(self, values: Sequence[T]) -> T:
        return values[int(self.random() * len(values))]

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, all equally likely."""
        return low + int(self.random() * (high - low + 1))

    def weighted(self, choice: Weighted) -> str:
        return choice.values[bisect(choice.sums, self.random() * choice.sums[-1])]

    def skewed(self, low: int, high: int) -> int:
        """A whole number, mostly near `low`, seldom near `high`, as the time that people take."""
        luck = self.random()
        return low + int(luck * luck * luck * (high - low + 1))
