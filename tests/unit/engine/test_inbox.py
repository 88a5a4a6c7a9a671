"""What waits for a turn, and for how long."""

from attune_executor.domain.backlog import Backlog
from attune_executor.engine.inbox import Inbox
from attune_executor.ports.broker import DeliveryMark, WorkerReport


def test_reports_count_until_their_turn_is_committed() -> None:
    inbox = Inbox(10, 10)
    nothing = Backlog(0, None)
    assert inbox.backlog() == nothing
    for tag in (1, 2):
        inbox.report(WorkerReport(DeliveryMark(1, tag)))
    assert len(inbox.take().reports) == 2
    inbox.report(WorkerReport(DeliveryMark(1, 3)))
    waiting = inbox.backlog()
    assert waiting.messages == 3

    # A turn that fails leaves them as old as they are, the first ones first.
    inbox.put_back()
    again = inbox.backlog()
    assert again.messages == 3
    assert (again.oldest_seconds or 0) >= (waiting.oldest_seconds or 0) > 0
    assert [report.mark.tag for report in inbox.take().reports] == [1, 2, 3]
    inbox.settled()
    assert inbox.backlog() == nothing
