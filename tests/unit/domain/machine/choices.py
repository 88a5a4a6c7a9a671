"""What Hypothesis may choose: policies one field at a time, so that changes meet each other in a queue's life."""

from hypothesis import strategies as st

from attune_executor.domain.emergency import Emergency
from attune_executor.domain.policy import Admission, QueuePolicy, RateLimit, RetryPolicy, WorkerLost
from unit.domain.machine.ledger import GROUP_PARAMETER

REFS = ("a", "b")
POOLS = ("default", "other")
WORKERS = ("default-1", "default-2", "other-1")

refs = st.sampled_from(REFS)
concurrencies = st.integers(1, 3)
_lengths = st.integers(0, 6)
_pools = st.sampled_from(POOLS)
_queue_timeouts = st.sampled_from((None, 0.5, 5.0, 60.0))
_execution_timeouts = st.sampled_from((None, 10.0, 10.0))
_group_bys = st.sampled_from(((), (GROUP_PARAMETER,)))
_rate_limits = st.none() | st.builds(
    RateLimit, max_executions=st.integers(1, 3), window_seconds=st.sampled_from((1.0, 10.0, 300.0))
)
_retries = st.builds(
    RetryPolicy,
    max_attempts=st.sampled_from((1, 2, 3, 3)),
    delay_seconds=st.sampled_from((0.0, 7.0)),
    worker_lost=st.sampled_from(WorkerLost),
)
_priorities = st.integers(0, 10)
_tags = st.sampled_from(((), ("batch",)))

policies = st.builds(
    QueuePolicy,
    concurrency=concurrencies,
    max_queue_length=_lengths,
    pool=_pools,
    queue_timeout_seconds=_queue_timeouts,
    execution_timeout_seconds=_execution_timeouts,
    group_by=_group_bys,
    rate_limit=_rate_limits,
    retry=_retries,
)

_fields: dict[str, st.SearchStrategy[object]] = {
    "concurrency": concurrencies,
    "max_queue_length": _lengths,
    "admission": st.sampled_from(Admission),
    "pool": _pools,
    "queue_timeout_seconds": _queue_timeouts,
    "execution_timeout_seconds": _execution_timeouts,
    "group_by": _group_bys,
    "rate_limit": _rate_limits,
    "priority": _priorities,
    "tags": _tags,
    "retry": _retries,
}
changes = st.sampled_from(sorted(_fields)).flatmap(lambda name: st.tuples(st.just(name), _fields[name]))

emergencies = st.none() | st.builds(
    Emergency,
    max_queue_length=st.integers(0, 10),
    close_below_priority=st.integers(0, 11),
    close_tags=st.sampled_from((frozenset[str](), frozenset({"batch"}))),
)
