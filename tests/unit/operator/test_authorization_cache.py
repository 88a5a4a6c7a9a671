"""What was allowed stays so for a while when the API cannot be asked."""

import pytest

from attune_executor.ports.authorization import AuthorizationUnavailableError
from attune_operator.authorization_cache import BriefCache


class Api:
    """Answers yes or no, or is away."""

    def __init__(self) -> None:
        self.now = 0.0
        self.answer: bool | None = True
        self.asked = 0
        self.cache: BriefCache[str, bool] = BriefCache(
            9, lambda _: 10.0, lambda: self.now, lambda allowed: 100.0 if allowed else 0.0
        )

    async def get(self, at: float) -> bool:
        self.now = at
        return await self.cache.get("may it?", self._ask)

    async def _ask(self) -> bool:
        self.asked += 1
        if self.answer is None:
            raise AuthorizationUnavailableError("away")
        return self.answer


async def test_a_permission_outlasts_an_outage_for_some_time() -> None:
    api = Api()
    assert await api.get(0)

    api.answer = None
    assert await api.get(50)
    assert await api.get(51)
    assert api.asked == 2, "not asked at every request"
    assert await api.get(109)
    with pytest.raises(AuthorizationUnavailableError):
        await api.get(111)


async def test_an_outage_that_is_over_counts_no_longer() -> None:
    api = Api()
    assert await api.get(0)
    api.answer = None
    assert await api.get(50)

    api.answer = False

    assert not await api.get(60)


async def test_a_refusal_is_not_kept_through_an_outage() -> None:
    api = Api()
    api.answer = False
    assert not await api.get(0)

    api.answer = None

    with pytest.raises(AuthorizationUnavailableError):
        await api.get(50)
