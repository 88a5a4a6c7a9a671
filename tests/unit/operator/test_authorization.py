"""What the Kubernetes API is asked of a caller, how seldom, and what becomes of it when it does not answer."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from attune_executor.ports.authorization import AuthorizationUnavailableError, Caller, Verb
from attune_operator.authorization import KubernetesAuthorizer
from attune_operator.authorization_cache import BriefCache
from attune_operator.cluster import ClusterError
from attune_operator.resources import ActionQueuePolicy
from attune_operator.rulers import Rulers

REF = "core.echo"
CALLER = Caller("system:serviceaccount:a:ci", ("system:authenticated",), "uid-1", {"pod": ("one",)})
USER = {"username": CALLER.name, "groups": list(CALLER.groups), "uid": CALLER.uid, "extra": {"pod": ["one"]}}


class FakeReviews:
    """Answers from what it was told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.tokens: dict[str, Mapping[str, Any]] = {"good": {"authenticated": True, "user": USER}}
        self.allowed: set[tuple[str, str, str]] = set()
        self.asked: list[Mapping[str, Any]] = []
        self.away = False
        self.threads: set[int] = set()

    async def review_token(self, token: str, audiences: Sequence[str]) -> Mapping[str, Any]:
        await self._answer({"audiences": list(audiences)})
        return self.tokens.get(token, {"authenticated": False, "error": "invalid"})

    async def review_access(self, spec: Mapping[str, Any]) -> bool:
        await self._answer(spec)
        asked = spec.get("resourceAttributes") or spec["nonResourceAttributes"]
        return (asked["verb"], asked.get("namespace", ""), asked.get("name", asked.get("path", ""))) in self.allowed

    async def _answer(self, asked: Mapping[str, Any]) -> None:
        self.asked.append(asked)
        self.threads.add(threading.get_ident())
        await asyncio.sleep(0)
        if self.away:
            raise ClusterError("the Kubernetes API does not answer")


def policy(name: str, namespace: str) -> ActionQueuePolicy:
    return ActionQueuePolicy.model_validate(
        {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": name,
                "generation": 1,
                "resourceVersion": "1",
                "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "spec": {"actionRef": REF, "concurrency": 1},
        }
    )


@pytest.fixture
def reviews() -> FakeReviews:
    return FakeReviews()


@pytest.fixture
def rulers() -> Rulers:
    rulers = Rulers()
    rulers.know({REF: policy("echo", "a")})
    return rulers


async def test_a_token_is_looked_up_once_and_a_crowd_waits_for_the_one_answer(
    reviews: FakeReviews, rulers: Rulers
) -> None:
    authorizer = KubernetesAuthorizer(reviews, rulers, ["a"])
    callers = await asyncio.gather(*(authorizer.authenticate("good") for _ in range(50)))
    assert callers == [CALLER] * 50
    assert await authorizer.authenticate("good") == CALLER
    assert len(reviews.asked) == 1
    assert await authorizer.authenticate("bad") is None
    assert await authorizer.authenticate(None) is None


async def test_a_token_for_somebody_else_is_no_token(reviews: FakeReviews, rulers: Rulers) -> None:
    authorizer = KubernetesAuthorizer(reviews, rulers, ["a"], ["attune"])
    assert await authorizer.authenticate("good") is None
    reviews.tokens["meant"] = {**reviews.tokens["good"], "audiences": ["attune"]}
    assert await authorizer.authenticate("meant") == CALLER
    assert reviews.asked[-1] == {"audiences": ["attune"]}


async def test_what_is_asked_for_is_the_executions_of_the_ruling_policy(reviews: FakeReviews, rulers: Rulers) -> None:
    authorizer = KubernetesAuthorizer(reviews, rulers, ["a"])
    reviews.allowed = {("create", "a", "echo")}
    assert await authorizer.may(CALLER, Verb.CREATE, REF)
    assert not await authorizer.may(CALLER, Verb.DELETE, REF)
    assert reviews.asked[0] == {
        "user": CALLER.name,
        "uid": CALLER.uid,
        "groups": list(CALLER.groups),
        "extra": {"pod": ["one"]},
        "resourceAttributes": {
            "group": "attune.io",
            "resource": "actionqueuepolicies",
            "subresource": "executions",
            "verb": "create",
            "namespace": "a",
            "name": "echo",
        },
    }
    assert await authorizer.may(CALLER, Verb.CREATE, REF)
    assert len(reviews.asked) == 2


async def test_every_action_is_those_of_all_namespaces(reviews: FakeReviews, rulers: Rulers) -> None:
    authorizer = KubernetesAuthorizer(reviews, rulers, ["a", "b"])
    reviews.allowed = {("list", "a", "")}
    assert not await authorizer.may(CALLER, Verb.LIST, None)
    assert not await authorizer.may(CALLER, Verb.LIST, "no.policy")
    other = KubernetesAuthorizer(reviews, rulers, ["a", "b"])
    reviews.allowed.add(("list", "b", ""))
    assert await other.may(CALLER, Verb.LIST, None)
    assert await other.may(CALLER, Verb.LIST, "no.policy")
    everywhere = KubernetesAuthorizer(reviews, rulers, [None])
    assert not await everywhere.may(CALLER, Verb.LIST, None)


async def test_two_callers_share_no_answer(reviews: FakeReviews, rulers: Rulers) -> None:
    authorizer = KubernetesAuthorizer(reviews, rulers, ["a"])
    assert not await authorizer.may_read_metrics(CALLER)
    reviews.allowed = {("get", "", "/metrics")}
    assert not await authorizer.may_read_metrics(CALLER)
    for other in (CALLER._replace(groups=("prometheus",)), CALLER._replace(extra={"pod": ("two",)})):
        assert await authorizer.may_read_metrics(other)


async def test_who_may_list_every_action_may_read_the_metrics(reviews: FakeReviews, rulers: Rulers) -> None:
    authorizer = KubernetesAuthorizer(reviews, rulers, ["a", "b"])
    reviews.allowed = {("list", "a", "")}
    assert not await authorizer.may_read_metrics(CALLER)
    reviews.allowed.add(("list", "b", ""))
    assert await authorizer.may_read_metrics(CALLER._replace(name="other"))


async def test_what_cannot_be_found_out_is_not_refused_and_not_kept(reviews: FakeReviews, rulers: Rulers) -> None:
    authorizer = KubernetesAuthorizer(reviews, rulers, ["a"])
    reviews.away = True
    with pytest.raises(AuthorizationUnavailableError, match="does not answer"):
        await authorizer.authenticate("good")
    with pytest.raises(AuthorizationUnavailableError):
        await authorizer.may(CALLER, Verb.CREATE, REF)
    reviews.away = False
    assert await authorizer.authenticate("good") == CALLER


async def test_a_leader_that_does_not_know_the_policies_yet_refuses_nobody(reviews: FakeReviews) -> None:
    authorizer = KubernetesAuthorizer(reviews, Rulers(), ["a"])
    with pytest.raises(AuthorizationUnavailableError, match="not known yet"):
        await authorizer.may(CALLER, Verb.CREATE, REF)


async def test_a_flood_of_unknown_tokens_waits_in_a_line_that_ends(reviews: FakeReviews, rulers: Rulers) -> None:
    authorizer = KubernetesAuthorizer(reviews, rulers, ["a"])
    outcomes = await asyncio.gather(
        *(authorizer.authenticate(f"token-{number}") for number in range(2000)), return_exceptions=True
    )
    turned_away = [outcome for outcome in outcomes if isinstance(outcome, AuthorizationUnavailableError)]
    assert 0 < len(turned_away) < 2000
    assert len(reviews.asked) == 2000 - len(turned_away)
    assert await authorizer.authenticate("good") == CALLER


async def test_the_kubernetes_client_is_used_on_its_own_loop(reviews: FakeReviews, rulers: Rulers) -> None:
    authorizer = KubernetesAuthorizer(reviews, rulers, ["a"])
    assert await asyncio.to_thread(lambda: asyncio.run(authorizer.authenticate("good"))) == CALLER
    assert reviews.threads == {threading.get_ident()}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_answers_are_kept_for_their_time_and_the_least_used_goes_first() -> None:
    clock, asked = Clock(), list[str]()
    cache: BriefCache[str, bool] = BriefCache(2, lambda answer: 10 if answer else 3, clock)

    async def get(question: str) -> bool:
        async def ask() -> bool:
            asked.append(question)
            return question != "no"

        return await cache.get(question, ask)

    await get("yes")
    await get("no")
    clock.now = 4
    await get("yes")
    await get("no")
    assert asked == ["yes", "no", "no"]
    await get("other")
    assert len(cache) == 2
    await get("no")
    assert asked == ["yes", "no", "no", "other"]
    await get("yes")
    assert asked[-1] == "yes"


async def test_a_caller_that_hangs_up_takes_no_answer_away() -> None:
    cache: BriefCache[str, int] = BriefCache(2, lambda _: 10)
    answering = asyncio.Event()

    async def ask() -> int:
        await answering.wait()
        return 1

    first = asyncio.create_task(cache.get("question", ask))
    second = asyncio.create_task(cache.get("question", ask))
    await asyncio.sleep(0)
    first.cancel()
    answering.set()
    assert await second == 1
