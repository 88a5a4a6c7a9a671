"""What `attune top` has to show, before anything is drawn."""

from datetime import timedelta

from attune_operator.ctl.queues import Severity
from attune_operator.ctl.top import detail
from attune_operator.ctl.top.film import COURSE, Film, Rates
from attune_operator.ctl.top.heading import heading
from attune_operator.ctl.top.rows import Order, columns, rate, rows
from attune_operator.resources import ExecutorConfig
from unit.operator.ctl.top_world import NOW, MakePolicy, look, with_status


def test_rates_are_differences_of_totals_within_half_a_minute(make_policy: MakePolicy) -> None:
    echo = make_policy()
    totals = [(0.0, 1000, 900), (40.0, 1010, 910), (60.0, 1030, 915)]
    film: Film | None = None
    for at, accepted, ended in totals:
        seen = look(with_status(echo, queueLength=1, totalEnqueued=accepted, totalCompleted=ended), at=at)
        if film is None:
            film = Film(seen)
            assert film.rates(echo.metadata.key) == Rates(None, None)
        else:
            film.take(seen)
    assert film is not None
    assert film.rates(echo.metadata.key) == Rates(1.0, 0.25)


def test_totals_that_begin_anew_are_no_negative_rate(make_policy: MakePolicy) -> None:
    echo = make_policy()
    film = Film(look(with_status(echo, totalEnqueued=5, totalCompleted=5), at=0))
    film.take(look(with_status(echo, totalEnqueued=1, totalCompleted=5), at=2))
    assert film.rates(echo.metadata.key) == Rates(None, 0.0)


def test_a_course_is_bounded_and_forgotten_with_its_queue(make_policy: MakePolicy) -> None:
    echo = make_policy()
    film = Film(look(with_status(echo, queueLength=0)))
    for depth in range(2 * COURSE):
        film.take(look(with_status(echo, queueLength=depth), at=depth + 1.0))
    assert film.course(echo.metadata.key) == list(range(COURSE, 2 * COURSE))
    film.take(look(at=500.0))
    assert film.course(echo.metadata.key) == []


def test_rates_have_decimals_where_they_tell() -> None:
    assert [rate(value) for value in (None, 0.0, 0.26, 9.94, 10.0, 1234.5)] == ["-", "0", "0.3", "9.9", "10", "1234"]


def three(make_policy: MakePolicy) -> Film:
    a = with_status(make_policy("a", actionRef="core.a"), queueLength=1, activeCount=9, maxConcurrent=9)
    b = with_status(
        make_policy("b", actionRef="core.b", admission="Hold"),
        queueLength=700,
        activeCount=0,
        oldestEnqueuedAt=NOW - timedelta(minutes=3),
    )
    film = Film(look(a, b, make_policy("c", actionRef="core.c")))
    film.take(look(a, b, make_policy("c", actionRef="core.c"), at=2.0))
    return film


def test_rows_are_sorted_by_any_column(make_policy: MakePolicy) -> None:
    film = three(make_policy)

    def order(by: Order, *, reverse: bool = False) -> str:
        return "".join(row.queue.policy for row in rows(film, by, reverse=reverse, wanted=""))

    assert order(Order.DEPTH) == "bac"
    assert order(Order.DEPTH, reverse=True) == "cab"
    assert order(Order.WAIT) == "bac"
    assert order(Order.RUNNING) == "abc"
    assert order(Order.NAME) == "abc"
    assert order(Order.NAME, reverse=True) == "cba"


def test_rows_are_chosen_by_names_and_notes(make_policy: MakePolicy) -> None:
    film = three(make_policy)

    def chosen(wanted: str) -> str:
        return "".join(row.queue.policy for row in rows(film, Order.NAME, reverse=False, wanted=wanted))

    assert (chosen("CORE.B "), chosen("paused"), chosen("attune-system"), chosen("nothing")) == ("b", "b", "abc", "")


def test_every_severity_has_a_mark_beside_its_colour(make_policy: MakePolicy) -> None:
    film = three(make_policy)
    _, worst, unknown = rows(film, Order.NAME, reverse=False, wanted="")
    shown = {column.head: column.text(worst, 4) for column in columns(namespaces=True)}
    assert shown[""] == "‼"
    assert (shown["NAMESPACE"], shown["QUEUED"], shown["DEPTH"], shown["RUNNING"]) == (
        "attune-system",
        "700",
        "  ██",
        "0/-",
    )
    assert {column.head: column.text(unknown, 4) for column in columns(namespaces=False)}["QUEUED"] == "-"


def test_the_heading_says_who_leads_what_holds_and_how_old_it_is(make_policy: MakePolicy) -> None:
    film = three(make_policy)
    said = [" ".join(f"{name} {text}" for name, text in line.parts) for line in heading(film, 5.0, "attune-system")]
    assert said == [
        "Policies attune-system Leader pod-1 Seen 3s ago",
        "Emergency mode off, unless the operator's configuration file says otherwise API rate limit none",
        "Queues 3, 2 critical Waiting 701 Running 9 Ended - Refused 0",
    ]


def test_the_heading_warns_of_an_emergency_and_of_old_figures(make_policy: MakePolicy) -> None:
    config = ExecutorConfig.model_validate(
        {
            "metadata": make_policy("executor").metadata.model_dump(by_alias=True),
            "spec": {"emergencyMode": True},
            "status": {"requestsPerMinute": 500},
        }
    )
    film = Film(look(config=config, problem="no operator has led for 90 s"))
    lines = heading(film, 0.0, "everywhere")
    assert [line.severity for line in lines] == [Severity.FINE, Severity.WARNING, Severity.FINE, Severity.CRITICAL]
    assert "500 requests a minute" in lines[1].parts[1][1]
    film.fail("cannot list: the Kubernetes API does not answer", NOW)
    film.fail("cannot list: the Kubernetes API does not answer", NOW + timedelta(minutes=1))
    assert "nobody has answered since 12:00:00 UTC" in heading(film, 9.0, "everywhere")[-1].parts[0][1]
    film.take(look(at=10.0))
    assert len(heading(film, 10.0, "everywhere")) == 3


def test_the_details_of_a_queue(make_policy: MakePolicy) -> None:
    policy = with_status(make_policy(), queueLength=2, maxQueueLength=10, totalRejected=1)
    film = Film(look(policy))
    figures = dict(detail.figures(film.latest.queues[0], Rates(None, 2.0)))
    assert (figures["Waiting"], figures["Rates"]) == ("2 of at most 10", "-/s come, 2.0/s end")
    assert detail.conditions(policy, NOW + timedelta(minutes=2)) == [("Ready", "True", "2m", "InForce", "all is well")]
    assert detail.scaling(policy).startswith("nothing is scaled")
    listed = {"id": 7, "status": "running", "created": (NOW - timedelta(seconds=5)).isoformat(), "worker": "w"}
    assert detail.executions([listed], NOW) == [("7", "running", "5s", "-", "-", "w")]
