"""What several append to one file at once, some of them killed amid a line, is read as far as it was written."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chaos.history import Answered, History, LimitSet, Outcome, Recorder, RunStarted, Submitted

COUNT = 500


def write(path: Path, worker: int) -> None:
    with Recorder(path) as recorder:
        for number in range(COUNT):
            recorder.record(RunStarted(f"{worker}-{number}", "key" * 50, worker, 1.0))


def test_every_kind_comes_back(tmp_path: Path) -> None:
    events = (
        Submitted("k", "a", "", 1.5),
        Answered("k", Outcome.ACCEPTED, 2.5, 201, 7, 0),
        Answered("k", Outcome.UNKNOWN, 2.5),
        LimitSet("a", 3, 0.0, 0.0),
    )
    with Recorder(tmp_path / "history") as recorder:
        for event in events:
            recorder.record(event)
    assert History.read(tmp_path / "history") == History(events)


def test_writers_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "history"
    with ThreadPoolExecutor() as pool:
        list(pool.map(write, [path] * 3, range(3)))
    history = History.read(path)
    assert history.torn == 0
    assert len({event.run for event in history.events if isinstance(event, RunStarted)}) == 3 * COUNT


def test_a_torn_line_harms_no_other(tmp_path: Path) -> None:
    path = tmp_path / "history"
    event = LimitSet("a", 3, 0.0, 0.0)
    with Recorder(path) as recorder:
        recorder.record(event)
    path.write_bytes(path.read_bytes() + b'\n{"type":"run_star')
    with Recorder(path) as recorder:
        recorder.record(event)
    assert History.read(path) == History((event, event), torn=1)
