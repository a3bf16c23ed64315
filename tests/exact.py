"""Arithmetic that rounds once, for oracles."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal

EXACT = Context(prec=100, rounding=ROUND_HALF_UP)  # Decimal's half up is away from zero


def mean(numbers: Sequence[Decimal], scale: int) -> Decimal | None:
    """The exact mean, rounded half away from zero to so many digits; None of nothing."""
    if not numbers:
        return None
    # what a hundred digits cut off decides no half: the quotient is a whole number of len(numbers)ths
    quotient = EXACT.divide(sum(numbers, Decimal(0)), Decimal(len(numbers)))
    return EXACT.quantize(quotient, Decimal(1).scaleb(-scale))
