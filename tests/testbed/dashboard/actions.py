"""Actions to have something to look at: each holds a slot for as long as it is told, and some of them fail."""

import asyncio
from typing import Final

from attune_executor.worker import ActionError, action

REFS: Final = (
    "billing.charge_card",
    "billing.send_invoice",
    "catalog.reindex",
    "dns.update_zone",
    "images.resize",
    "ldap.sync_groups",
    "mail.send",
    "reports.nightly",
    "tickets.escalate",
    "vm.provision",
    "vm.snapshot",
    "webhooks.deliver",
)


async def _work(seconds: float, fails: bool = False) -> dict[str, float]:
    await asyncio.sleep(seconds)
    if fails:
        raise ActionError("made to fail", seconds=seconds)
    return {"seconds": seconds}


(
    charge_card,
    send_invoice,
    reindex,
    update_zone,
    resize,
    sync_groups,
    send,
    nightly,
    escalate,
    provision,
    snapshot,
    deliver,
) = (action(ref)(_work) for ref in REFS)
