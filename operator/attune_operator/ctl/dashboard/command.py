"""The command `dashboard`."""

import asyncio
import signal
import webbrowser
from typing import Annotated, Final

import typer

from attune_operator.ctl.dashboard.guard import ProxyGuard
from attune_operator.ctl.dashboard.handover import key_file
from attune_operator.ctl.dashboard.proxy import listen, served
from attune_operator.ctl.executor_api import reached
from attune_operator.ctl.options import Site, Way, takes
from attune_operator.ctl.output import say
from attune_operator.ctl.tunnel import LOOPBACK

_CONNECTIONS: Final = 32
"""Each page that is open holds one, and asks for a few more now and then."""


@takes(Site, Way)
def dashboard(
    site: Site,
    way: Way,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of this machine; by default any free one.")] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
) -> None:
    """Show the queues in a browser, with the credentials of your kubeconfig, until Ctrl-C.

    A proxy of this machine alone adds your token, so that the browser needs none. It answers whoever has its key: the
    browser that is opened, and where you type the key that is printed.
    """
    asyncio.run(_serve(site, way, port, open_browser=not no_open))


async def _serve(site: Site, way: Way, port: int, *, open_browser: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with listen(port) as listening:
        guard = ProxyGuard(int(listening.getsockname()[1]))
        base = f"http://{LOOPBACK}:{guard.port}"
        async with reached(site, way, _CONNECTIONS) as executor:
            # What keeps it from working at all is said here rather than in the browser.
            await executor.get("/api/v1/permissions")
            async with served(executor, guard, listening):
                with key_file(base, guard.key) as file:
                    say(f"Dashboard: {base}/")
                    say(f"Opens it: {file.as_uri()}")
                    say(f"Key, where the page asks for a token: {guard.key}")
                    say("Ctrl-C ends it.")
                    if open_browser:
                        await asyncio.to_thread(webbrowser.open, file.as_uri())
                    await stop.wait()
