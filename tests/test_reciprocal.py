"""Division by multiplication and shift is exact for every numerator."""

from __future__ import annotations

import random

import pytest
from lenetgen.codegen.reciprocal import reciprocal, reciprocals


def _equal(divisor: int, multiplier: int, shift: int, numerators: range) -> bool:
    return all(n // divisor == (n * multiplier) >> shift for n in numerators)


def test_small_divisors_and_ranges_exhaustively() -> None:
    """Exact for all numerators, and no smaller shift with any multiplier would do."""
    for divisor in range(1, 26):
        for largest in (0, 1, divisor - 1, divisor, 2 * divisor - 1, 77, 255, 300):
            found = reciprocal(divisor, largest)
            numerators = range(largest + 1)
            assert _equal(divisor, found.multiplier, found.shift, numerators)
            assert [found.divide(n) for n in numerators] == [n // divisor for n in numerators]
            if found.shift and largest >= divisor:
                shift = found.shift - 1
                for multiplier in range((1 << shift) + 1):
                    assert not _equal(divisor, multiplier, shift, numerators)


def test_the_decision_is_exact_for_every_shift() -> None:
    """``min_shift`` returns that shift exactly where ceil(2**s / d) is right."""
    for divisor in range(1, 20):
        for largest in range(0, 120, 7):
            for shift in range(12):
                right = _equal(divisor, -(-(1 << shift) // divisor), shift, range(largest + 1))
                assert (reciprocal(divisor, largest, shift).shift == shift) == right


def test_large_numerators_at_the_boundaries() -> None:
    random_ = random.Random("test_large_numerators_at_the_boundaries")
    for _ in range(300):
        divisor = random_.choice([random_.randint(1, 49), random_.randint(1, 1 << 20)])
        largest = random_.getrandbits(random_.randint(1, 70))
        found = reciprocal(divisor, largest)
        tops = [largest // divisor * divisor + k for k in (-divisor - 1, -divisor, -1, 0)]
        numerators = [*tops, largest, *(random_.randint(0, largest) for _ in range(50))]
        for n in numerators:
            if 0 <= n <= largest:
                assert found.divide(n) == n // divisor, (n, divisor, largest)


def test_common_shift() -> None:
    found = reciprocals({4: 1000, 6: 1500, 9: 2295})
    assert len({one.shift for one in found.values()}) == 1
    for divisor, largest in ((4, 1000), (6, 1500), (9, 2295)):
        one = found[divisor]
        assert _equal(divisor, one.multiplier, one.shift, range(largest + 1))
    assert reciprocals({}) == {}


@pytest.mark.parametrize("arguments", [(0, 5), (-3, 5), (3, -1), (3, 5, -1)])
def test_nonsense_is_refused(arguments: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no reciprocal"):
        reciprocal(*arguments)
