"""Which inputs of a network each term of its observation takes."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


def columns(sizes: Sequence[int], history: Sequence[int], *, frame_major: bool) -> list[np.ndarray]:
    """Inputs of each term: (history, size) each, the oldest reading first.

    Args:
        sizes: Numbers in a reading of each term.
        history: Readings that each holds; all the same where `frame_major`.
        frame_major: Whether the oldest readings of all terms come first, as trainers of Isaac
            Gym stack frames; else each term has its readings together, as Isaac Lab does.
    """
    if not frame_major:
        ends = np.cumsum([0, *(n * size for n, size in zip(history, sizes, strict=True))])
        blocks = [np.arange(start, end) for start, end in pairwise(ends)]
        return [x.reshape(-1, size) for x, size in zip(blocks, sizes, strict=True)]
    first = np.cumsum([0, *sizes])
    frames = first[-1] * np.arange(max(history, default=1))[:, None]
    return [frames + start + np.arange(size) for start, size in zip(first, sizes, strict=False)]
