"""Random moments at which something breaks, the same ones for the same seed."""

import random


def moments(seed: int, purpose: str, count: int, seconds: float) -> list[float]:
    """Random moments (seconds from the start), one in each of `count` equal parts, so that none is left out."""
    draw = random.Random(f"{seed} {purpose}")
    return [round((part + draw.random()) * seconds / count, 2) for part in range(count)]
