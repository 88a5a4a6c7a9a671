"""Up at once, down slowly: the highest recommendation of a window counts, as in the HorizontalPodAutoscaler."""

from attune_operator.scaling.memory import Recommendation


def recommend(window: tuple[Recommendation, ...], workers: int, now: float, seconds: int) -> tuple[Recommendation, ...]:
    """The window with a new recommendation at its end, and without what can no longer matter."""
    kept = [earlier for earlier in window if earlier.at > now - seconds and earlier.workers > workers]
    return (*kept, Recommendation(now, workers))


def highest(window: tuple[Recommendation, ...]) -> int:
    """The largest recommendation of a window that is not empty."""
    return max(recommendation.workers for recommendation in window)
