"""A Chromium for the tests: the machine's own, Debian's where there is apt-get, else the one that Playwright brings."""

import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, sync_playwright

from testbed.debian import can_install, ensure_packages
from testbed.progress import step

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_LIBRARY_OF_THE_DRIVER = "libatomic1"
"""Playwright's driver is a Node.js that is linked against it; no package that it comes with brings it."""


@contextmanager
def chromium() -> Generator[Browser]:
    """A browser without a window and without a past; closed in the end."""
    program = find_program()
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        except Error:
            if program:
                raise
            with step("Installing a Chromium by Playwright"):
                subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)
            browser = playwright.chromium.launch(args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def find_program() -> str | None:
    """Which to start, installed where that is possible; None for Playwright's own."""
    if can_install():
        # The fonts too: without any, a page has no text.
        browser = [] if any(map(shutil.which, _PROGRAMS)) else ["chromium", "fonts-dejavu-core"]
        ensure_packages([_LIBRARY_OF_THE_DRIVER, *browser])
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)
