"""The dashboard as people use it: in a real browser, on a real executor with a real backlog."""

import re
from importlib.resources import files

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import HOSTILE, SRE, VIEWER, Open, Stage

HELD = ("held.1001", "held.501", "held.101", "held.30")


@pytest.fixture(scope="module", autouse=True)
def _backlog(stage: Stage) -> None:
    for action in HELD:
        count = int(action.partition(".")[2])
        for begin in range(0, count, 1000):
            stage.submit(action, min(1000, count - begin))
    stage.submit(HOSTILE, 1)


def row(page: Page, action: str) -> Locator:
    return page.locator(f'tr[data-action="{action}"]')


def actions(page: Page) -> list[str]:
    return page.locator("tbody th[scope=row]").all_inner_texts()


def test_a_submission_shows_without_reloading(stage: Stage, show: Open) -> None:
    page = show()
    expect(page.locator(".connection")).to_have_text("Live")
    expect(row(page, "core.sleep").locator(".running")).to_have_text(re.compile("^0 / 2"))
    page.evaluate("document.body.dataset.same = 'page'")
    ids = stage.submit("core.sleep", 5, seconds=600)
    expect(row(page, "core.sleep").locator(".waiting")).to_have_text("3")
    expect(row(page, "core.sleep").locator(".running")).to_have_text(re.compile("^2 / 2"))
    stage.cancel(*reversed(ids))
    expect(row(page, "core.sleep").locator(".waiting")).to_have_text("0")
    expect(row(page, "core.sleep").locator(".running")).to_have_text(re.compile("^0 / 2"))
    assert page.locator("body").get_attribute("data-same") == "page"


def test_what_calls_for_somebody_is_on_top_and_says_so_in_words(show: Open) -> None:
    page = show()
    expect(row(page, "held.1001").locator(".state")).to_contain_text("Critical: over 1,000: emergency response")
    expect(row(page, "held.501").locator(".state")).to_contain_text("Critical: over 500: add workers")
    expect(row(page, "held.101").locator(".state")).to_contain_text("Warning: over 100: investigate load")
    expect(row(page, "held.30").locator(".state")).to_have_text("paused")
    assert actions(page)[:4] == list(HELD)
    assert page.locator("[aria-sort]").all_inner_texts() == ["State▾"]
    page.get_by_role("button", name="Action").click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Action")
    expect(page.locator("tbody th").first).to_have_text(HOSTILE)
    page.get_by_role("button", name="Needs attention").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    page.get_by_label("Filter actions").fill("501")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_one_queue_in_full_has_an_address(stage: Stage, show: Open) -> None:
    stage.submit("core.sleep", 2, seconds=0.2)
    ids = stage.submit("core.sleep", 6, seconds=600)
    page = show("#/queue/core.sleep")
    expect(page.locator("h1")).to_have_text("core.sleep")
    running = page.get_by_role("region", name="Runs now").locator("tbody tr")
    expect(running).to_have_count(2)
    expect(running.first).to_contain_text(f"{ids[0]}running")
    assert re.search(r"-\d+", running.first.locator("td.name").inner_text())
    waiting = page.get_by_role("region", name="Waits").locator("tbody tr")
    expect(waiting).to_have_count(4)
    expect(waiting.first).to_contain_text(re.compile(rf"^1{ids[2]}\d+s\d\d:\d\d:\d\d (in \d+s|any moment)"))
    ended = page.get_by_role("region", name="Has ended").locator("tbody tr")
    expect(ended.first).to_contain_text("succeeded")
    expect(page.get_by_role("region", name="Change it")).to_contain_text("systemctl reload attune-executor")
    stage.cancel(*ids[:2])
    expect(waiting).to_have_count(2)  # by itself, as the queue moves on
    stage.cancel(*reversed(ids[2:]))
    expect(running).to_have_count(0)


def test_who_may_delete_can_cancel_and_nobody_else_is_offered_it(stage: Stage, show: Open) -> None:
    stage.submit("held.30", 1)
    looking = show("#/queue/held.30", VIEWER)
    expect(looking.get_by_role("region", name="Waits").locator("tbody tr")).to_have_count(25)
    expect(looking.locator(".caller")).to_have_text("viewer")
    assert looking.get_by_role("button", name=re.compile("Cancel")).count() == 0

    page = show("#/queue/held.30")
    first = page.get_by_role("button", name=re.compile("Cancel execution")).first
    name = str(first.get_attribute("aria-label"))
    first.click()
    dialog = page.get_by_role("dialog", name=f"{name}?")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name=name)).to_be_focused()
    page.get_by_role("button", name=name).click()
    dialog.get_by_role("button", name="Cancel the execution").click()
    expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.locator("#waits .count")).to_have_text("30")


def test_what_is_stuck_is_completed_by_force(stage: Stage, show: Open) -> None:
    (stuck,) = stage.submit("core.sleep", 1, seconds=600)
    page = show("#/queue/core.sleep")
    page.get_by_role("button", name=f"Force-complete execution {stuck}").click()
    dialog = page.get_by_role("dialog", name=f"Force-complete execution {stuck}?")
    expect(dialog).to_contain_text("counts as failed at once")
    dialog.get_by_role("button", name="Force-complete it").click()
    expect(dialog).to_have_count(0)
    ended = page.get_by_role("region", name="Has ended").locator("tbody tr", has_text=str(stuck))
    expect(ended).to_contain_text("failed")
    expect(page.get_by_role("button", name=re.compile("Force-complete"))).to_have_count(0)


def test_without_a_token_it_is_asked_for_and_kept_for_the_tab_alone(show: Open) -> None:
    page = show("#/queue/core.echo", token=None)
    expect(page.get_by_role("heading", name="Attune asks who you are")).to_be_visible()
    expect(page.get_by_text("kubectl attune dashboard")).to_be_visible()
    field = page.get_by_label("Bearer token")
    expect(field).to_be_focused()
    field.fill("wrong")
    field.press("Enter")
    expect(page.get_by_text("a token that is not valid")).to_be_visible()
    page.get_by_label("Bearer token").fill(SRE)
    page.get_by_label("Bearer token").press("Enter")
    expect(page.locator("h1")).to_have_text("core.echo")
    assert SRE not in page.url
    assert page.evaluate("[sessionStorage.length, localStorage.length]") == [1, 0]
    assert page.context.cookies() == []
    page.get_by_role("button", name="Forget token").click()
    expect(page.get_by_label("Bearer token")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_who_may_not_list_every_action_is_told_what_is_missing(show: Open) -> None:
    page = show(token="narrow")  # noqa: S106 - of this test alone
    expect(page.get_by_role("heading", name="You may not see the queues")).to_be_visible()
    expect(page.get_by_text("'narrow' may not list executions of every action")).to_be_visible()


def test_everything_is_reached_by_keyboard(stage: Stage, show: Open) -> None:
    page = show()
    expect(row(page, "held.1001")).to_be_visible()
    page.keyboard.press("j")
    expect(row(page, "held.1001").locator("a")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(row(page, "held.501").locator("a")).to_be_focused()
    stage.submit("core.echo", 1)  # something changes, and the focus stays
    page.wait_for_timeout(1500)
    expect(row(page, "held.501").locator("a")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("held.1001")
    expect(page.locator("h1")).to_be_focused()
    page.keyboard.press("Escape")
    expect(row(page, "held.1001").locator("a")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("held.1")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.keyboard.press("Enter")
    expect(row(page, "held.1001").locator("a")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Filter actions")).to_have_value("")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys and signs")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_theme_follows_the_system_until_one_is_chosen(show: Open) -> None:
    page = show(scheme="dark")
    ground = page.locator("body")
    expect(ground).to_have_css("background-color", "rgb(14, 18, 24)")
    page.get_by_role("button", name="Light").click()
    expect(ground).to_have_css("background-color", "rgb(246, 247, 249)")
    page.reload()
    expect(page.get_by_role("button", name="Dark")).to_be_visible()
    expect(ground).to_have_css("background-color", "rgb(246, 247, 249)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_found_wrong_by_axe(stage: Stage, show: Open, scheme: str) -> None:
    stage.configure(executor={"emergency_mode": True})
    page = show(scheme=scheme)
    expect(row(page, "held.1001")).to_be_visible()
    expect(page.locator(".emergency")).to_be_visible()
    judge(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys and signs")).to_be_visible()
    judge(page)
    page.keyboard.press("Escape")
    page.goto(f"{stage.processes.url}/#/queue/held.1001")
    expect(page.get_by_role("region", name="Waits").locator("tbody tr")).to_have_count(25)
    judge(page)
    asked = show(token=None, scheme=scheme)
    expect(asked.get_by_role("heading", name="Attune asks who you are")).to_be_visible()
    judge(asked)
    stage.configure()


AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


def judge(page: Page) -> None:
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    assert found["passes"]
    problems = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
    assert problems == []


def test_a_hostile_name_is_only_a_name(show: Open) -> None:
    page = show()
    expect(page.get_by_role("link", name=HOSTILE)).to_be_visible()
    page.get_by_role("link", name=HOSTILE).click()
    expect(page.locator("h1")).to_have_text(HOSTILE)
    assert page.locator("img").count() == 0
    assert page.title() == "Attune queues"


def test_an_emergency_is_shown_while_it_lasts(stage: Stage, show: Open) -> None:
    page = show()
    expect(row(page, "core.echo")).to_be_visible()
    expect(page.locator(".emergency")).to_have_count(0)
    stage.configure(executor={"emergency_mode": True, "emergency": {"close_below_priority": 6}})
    expect(page.locator(".emergency")).to_contain_text("Emergency mode is on. Queues may grow to 50,000.")
    expect(page.locator(".emergency")).to_contain_text("Actions of a priority below 6 take nothing new.")
    expect(row(page, "core.echo").locator(".state")).to_contain_text("closed by emergency mode")
    expect(page.locator("[role=status]")).to_have_text("Emergency mode is on")
    stage.configure()
    expect(page.locator(".emergency")).to_have_count(0)


def test_a_lost_connection_is_said_and_mended(stage: Stage, show: Open) -> None:
    page = show()
    expect(row(page, "held.101").locator(".waiting")).to_have_text("101")
    # The watcher does not hold the end up.
    assert stage.executor.stop() == 0
    banner = page.locator(".lost.banner")
    expect(banner).to_contain_text(re.compile(r"Connection lost, retrying. Figures as of \d\d:\d\d:\d\d"))
    expect(row(page, "held.101").locator(".waiting")).to_have_text("101")
    stage.executor = stage.processes.executor()
    expect(banner).to_have_count(0)
    expect(page.locator(".connection")).to_have_text("Live")
    stage.submit("held.101", 1)
    expect(row(page, "held.101").locator(".waiting")).to_have_text("102")
