"""The search for the smallest failing input, on predicates made up here."""

import numpy as np
import pytest
from lenetgen.sim import minimise as module
from lenetgen.sim.minimise import minimise

Images = np.ndarray


def _frames(rng: np.random.Generator, *shape: int) -> Images:
    return rng.integers(1, 256, shape, dtype=np.uint8)


def test_black_if_black_fails(rng: np.random.Generator) -> None:
    found = minimise(_frames(rng, 1, 9, 9, 1), lambda some: np.ones(len(some), dtype=bool))
    assert (found.pixels, found.tried, found.finished) == (0, 1, True)
    assert found.frames.shape == (1, 9, 9, 1)


@pytest.mark.parametrize(("place", "least"), [((0, 0), 1), ((5, 3), 200), ((8, 6), 77)])
def test_one_pixel_and_its_smallest_value(
    rng: np.random.Generator, place: tuple[int, int], least: int
) -> None:
    image = _frames(rng, 1, 9, 7, 1)
    image[0, *place, 0] = 255
    found = minimise(image, lambda some: some[:, 0, place[0], place[1], 0] >= least)
    expected = np.zeros_like(image)
    expected[0, *place, 0] = least
    assert found.finished
    np.testing.assert_array_equal(found.frames, expected)


def test_a_pair_of_pixels_in_two_frames(rng: np.random.Generator) -> None:
    def fails(some: Images) -> np.ndarray:
        return (some[:, 0, 2, 3, 1] > 9) & (some[:, 1, 4, 0, 0] > some[:, 0, 2, 3, 1])

    frames = _frames(rng, 2, 6, 5, 2)
    frames[0, 2, 3, 1], frames[1, 4, 0, 0] = 50, 180
    assert fails(frames[None])[0]
    found = minimise(frames, fails)
    assert found.finished and found.pixels == 2
    assert found.frames[0, 2, 3, 1] == 10 and found.frames[1, 4, 0, 0] == 11


def test_another_pixel_alone_when_reducing_ends_in_several() -> None:
    """Two dim pixels fail together only; a bright one anywhere fails alone."""
    image = np.zeros((1, 4, 4), dtype=np.uint8)
    image[0, 1, 1] = image[0, 2, 2] = 90

    def fails(some: Images) -> np.ndarray:
        return some.reshape(len(some), -1).astype(int).sum(axis=1) >= 170

    found = minimise(image, fails)
    assert found.finished and found.pixels == 1 and found.frames.max() == 170


def test_the_result_fails_and_is_the_same_again(rng: np.random.Generator) -> None:
    weights = rng.normal(0, 1, (8, 8))
    image = _frames(rng, 1, 8, 8)
    limit = float((image[0] * weights).sum()) - 40.0

    def fails(some: Images) -> np.ndarray:
        return (some[:, 0] * weights).sum(axis=(1, 2)) > limit

    found, again = minimise(image, fails), minimise(image, fails)
    assert found.finished and fails(found.frames[None])[0]
    np.testing.assert_array_equal(found.frames, again.frames)
    assert found.tried == again.tried
    for place in np.argwhere(found.frames):  # no pixel alone can be black or darker
        value = found.frames[tuple(place)]
        for smaller in range(value):
            other = found.frames.copy()
            other[tuple(place)] = smaller
            assert not fails(other[None])[0]


def test_the_bounds_hold(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    image = _frames(rng, 1, 12, 12)
    judged = 0

    def fails(some: Images) -> np.ndarray:
        nonlocal judged
        judged += len(some)
        return (some[:, 0] > 0).sum(axis=(1, 2)) >= 30

    found = minimise(image, fails, most=40)
    assert not found.finished and judged == found.tried <= 40
    assert fails(found.frames[None])[0] and found.pixels < image.size
    clock = iter(range(1000))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    slow = minimise(image, fails, seconds=4.5)
    assert not slow.finished and slow.tried > 0 and fails(slow.frames[None])[0]
