"""The history of scaling decisions, as the API tells it."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest

from attune_executor.adapters.everybody_here import EverybodyHere
from attune_executor.api.app import create_api
from attune_executor.api.scaling import SCALING_DECISIONS
from attune_executor.api.service import AbsentHistory, AbsentService
from attune_executor.api.settings import ApiSettings
from attune_executor.ports.scaling_history import ScalingHistory


class Decisions:
    """Three of two Deployments."""

    def newest_first(self, namespace: str | None, deployment: str | None) -> Sequence[Mapping[str, Any]]:
        entries = [("b", 3, "Backlog"), ("a", 2, "PeakLoad"), ("b", 1, "MinReplicas")]
        return [
            {
                "time": f"2027-01-01T00:00:0{desired}.000+00:00",
                "namespace": "attune-system",
                "deployment": name,
                "desired": desired,
                "applied": True,
                "reason": reason,
                "message": "because",
                "ledger": {"baseWorkers": desired},
            }
            for name, desired, reason in entries
            if namespace in {None, "attune-system"} and deployment in {None, name}
        ]

    def latest(self) -> Sequence[Mapping[str, Any]]:
        return self.newest_first(None, None)[:2]


async def get(scaling: ScalingHistory | None, query: str = "") -> httpx.Response:
    api = create_api(
        AbsentService(), ApiSettings(), history=AbsentHistory(), authorizer=EverybodyHere(), scaling=scaling
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://localhost") as client:
        return await client.get(f"{SCALING_DECISIONS}{query}")


@pytest.mark.parametrize(
    ("query", "desired"),
    [("", [3, 2, 1]), ("?deployment=b", [3, 1]), ("?limit=1", [3]), ("?namespace=other", [])],
)
async def test_decisions_are_told_newest_first(query: str, desired: list[int]) -> None:
    answer = await get(Decisions(), query)

    assert answer.status_code == 200
    assert [entry["desired"] for entry in answer.json()["data"]] == desired


async def test_a_decision_is_told_with_its_ledger() -> None:
    (newest, *_) = (await get(Decisions())).json()["data"]

    assert newest["ledger"] == {"baseWorkers": 3}
    assert (newest["reason"], newest["applied"]) == ("Backlog", True)


async def test_what_is_not_understood_is_named() -> None:
    answer = await get(Decisions(), "?limit=0")

    assert (answer.status_code, answer.json()["details"]["field"]) == (422, "limit")


async def test_where_nothing_is_scaled_there_is_no_such_path() -> None:
    assert (await get(None)).status_code == 404
