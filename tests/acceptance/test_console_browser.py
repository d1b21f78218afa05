"""An analyst's way through the console, in Chromium, with a campaign of 60 accounts."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simsvc.client import AccountCheck, Campaign, Client, Connection, Verdict
from simsvc.demo.command import SOON, largest_campaign, observed
from simsvc.demo.traffic import TrafficPlan, generate
from simsvc.domain.chunks import chunks
from tests.consoles import TOKENS, ConsoleProcess, config
from tests.process import ServerProcess

playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra dev")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: Debian's package chromium"),
    pytest.mark.timeout(600),
]
PAST = timedelta(days=2)
_MILLIS = 30_000


@dataclass
class Scene:
    """A server with the demo's traffic, its console, and the campaign."""

    address: str
    url: str

    def client(self, role: str = "reviewer") -> Client:
        return Client(Connection(self.address, TOKENS[role]))

    def campaign(self) -> Campaign:
        """Return the largest campaign."""
        with self.client() as client:
            listed = max(client.list_campaigns(), key=lambda c: c.account_count)
            return client.get_campaign(listed.campaign_id)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("browser")
    plan = TrafficPlan(group_accounts=60, start=datetime.now(UTC) - PAST, span=PAST)
    prompts = [observed(event) for event in generate(plan)]
    settings = {**SOON, "SIMSVC_CONFIG": str(config(folder)), "SIMSVC_SHADOW": "false"}
    with ServerProcess(folder / "data", settings) as server:
        address = server.address()
        with Client(Connection(address, TOKENS["ingest"])) as client:
            for batch in chunks(prompts, 64):
                client.observe_batch(batch)
        with ConsoleProcess(address) as console:
            made = Scene(address, console.url)
            settle(made)
            yield made


def settle(scene: Scene) -> None:
    """Wait until the campaign has most of its accounts and does not change any more."""
    with scene.client() as client:
        found = largest_campaign(client, 180.0)
    assert found is not None
    # How many of the 60 depends on what the looks on the way had seen: nearly all, as a rule.
    assert found.account_count >= 40


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        # Without a sandbox, since tests run as root in containers; it loads our own pages only.
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Any, scene: Scene) -> Iterator[Any]:
    """A signed-in page; what the browser complains about fails the test."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(_MILLIS)
    complaints: list[str] = []
    opened.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: dialog.accept())
    opened.goto(f"{scene.url}/sign-in")
    opened.fill("#token", TOKENS["reviewer"])
    opened.click("main button")
    opened.wait_for_selector("#rows tr")
    yield opened
    opened.close()
    assert complaints == []


def counts(page: Any, chart: str) -> dict[str, int]:
    """Return how many points of which kind a chart shows, once it is drawn and not blank."""
    box = page.locator(f"#chart-{chart}")
    box.scroll_into_view_if_needed()
    page.wait_for_selector(f"#chart-{chart}[data-drawn] canvas")
    colours = page.evaluate(
        """(name) => {
          const canvas = document.querySelector(`#chart-${name} canvas`);
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const seen = new Set();
          for (let i = 0; i < data.length; i += 4)
            if (data[i + 3] > 200) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
          return seen.size;
        }""",
        chart,
    )
    assert colours > 3, f"the {chart} is blank"
    shown: dict[str, int] = json.loads(box.get_attribute("data-series"))
    return shown


def test_from_the_queue_to_a_dismissal_and_back(scene: Scene, page: Any) -> None:
    campaign = scene.campaign()
    name = campaign.campaign_id
    page.click(f"#row-{name} a")
    page.wait_for_selector("#h-evidence")
    assert f"{campaign.account_count} accounts" in page.inner_text(".why")
    check_charts(scene, page, name)
    check_look_up(scene, page, campaign)

    page.goto(f"{scene.url}/campaigns/{name}")
    page.select_option("#dismiss select", "viral")
    page.fill("#dismiss input[name=comment]", "a meme")
    page.click("#dismiss button")
    page.wait_for_selector(".v-dismissed")
    assert scene.campaign().review.verdict == Verdict.VERDICT_DISMISSED
    assert not checked(scene, campaign).in_open_campaign

    page.click("text=Audit")
    page.wait_for_selector("#entries tbody tr")
    newest = page.inner_text("#entries tbody tr:first-child")
    assert "dismiss" in newest
    assert "a meme" in newest
    page.click("text=Verify the chain")
    page.wait_for_selector("text=The log is whole")

    page.click(f"#entries tbody tr:first-child a:has-text('{name}')")
    page.click(".history button:has-text('Undo')")
    page.wait_for_selector("text=Nobody has judged it yet.")
    assert scene.campaign().review.verdict == Verdict.VERDICT_NONE


def check_charts(scene: Scene, page: Any, name: str) -> None:
    with scene.client() as client:
        timeline = client.campaign_timeline(name, 10_000)
        prompt_map = client.campaign_map(name, 50_000)
        graph = client.campaign_graph(name, 150)
    attributed = sum(timeline.attributed)
    # Of some 180, and as with its accounts, as many as the looks on the way had led to.
    assert attributed > 40
    assert counts(page, "timeline") == {
        "campaign": attributed,
        "cover": len(timeline.times) - attributed,
    }
    assert counts(page, "map") == {
        "background": len(prompt_map.background) // 2,
        "campaign": len(prompt_map.campaign) // 2,
        "cover": len(prompt_map.cover) // 2,
    }
    assert counts(page, "graph") == {"nodes": len(graph.nodes), "edges": len(graph.edges)}
    counts(page, "coverage")


def check_look_up(scene: Scene, page: Any, campaign: Campaign) -> None:
    page.click("#h-prompts ~ ol li:first-child button")
    text = page.inner_text("#h-prompts ~ ol li:first-child .text").partition("\n")[2]
    assert len(text) > 40
    page.click("text=Look-up")
    page.fill("#text", text)
    page.click("form.lookup button")
    page.wait_for_selector("#results .group")
    with scene.client() as client:
        found = client.search(text=text)
    assert f"{found.total_accounts} accounts" in page.inner_text("#results h2")
    assert page.url.endswith("/search"), "the text is in no address"
    members = {m.account for m in campaign.members}
    nearest = page.get_attribute("#results .group h3 a", "title")
    assert nearest in members
    assert counts(page, "matches")["matches"] >= page.locator("#results .group").count()


def checked(scene: Scene, campaign: Campaign) -> AccountCheck:
    with scene.client() as client:
        return client.check_accounts([campaign.members[0].account])[0]


def test_the_keyboard_is_enough(scene: Scene, page: Any) -> None:
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('tr')?.dataset.campaign")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("#h-evidence")
    page.goto(f"{scene.url}/system")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"


def test_a_change_shows_up_without_a_reload(scene: Scene, page: Any) -> None:
    page.wait_for_selector("#live[data-state=live]")
    campaign = scene.campaign()
    with scene.client() as client:
        client.assign_campaign(campaign, "somebody-new")
    page.wait_for_selector(f"#row-{campaign.campaign_id} td:has-text('somebody-new')")
    with scene.client() as client:
        client.assign_campaign(scene.campaign(), "")


def test_a_tab_in_the_background_holds_no_connection_and_catches_up(
    scene: Scene, page: Any
) -> None:
    page.wait_for_selector("#live[data-state=live]")
    turn = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(turn, True)
    page.wait_for_selector("#live[data-state=off]")
    campaign = scene.campaign()
    with scene.client() as client:
        client.assign_campaign(campaign, "meanwhile")
        page.wait_for_timeout(1500)
        assert page.locator(f"#row-{campaign.campaign_id} td:has-text('meanwhile')").count() == 0
        page.evaluate(turn, False)
        page.wait_for_selector(f"#row-{campaign.campaign_id} td:has-text('meanwhile')")
        client.assign_campaign(scene.campaign(), "")


WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_its_window(scene: Scene, page: Any, width: int) -> None:
    """Each page fits, light and dark. A folder in SCREENSHOTS gets a picture of each."""
    folder = os.environ.get("SCREENSHOTS")
    page.set_viewport_size({"width": width, "height": 900})
    campaign = scene.campaign()
    member, prompt = campaign.members[0].account, campaign.representative_prompt_ids[0]
    paths = {
        "queue": "/", "campaign": f"/campaigns/{campaign.campaign_id}",
        "account": f"/accounts/{member}", "search": f"/search?prompt={prompt}",
        "prompt": f"/prompts/{prompt}", "system": "/system", "audit": "/audit",
    }  # fmt: skip
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for name, path in paths.items():
            page.goto(scene.url + path)
            for chart in page.locator("[data-chart]").all():
                chart.scroll_into_view_if_needed()
                chart.locator("canvas").wait_for()
            page.evaluate("scrollTo(0, 0)")
            wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            assert not page.evaluate(wide), f"{name} scrolls sideways at {width}"
            if folder:
                file = Path(folder) / f"{name}-{width}-{scheme}.png"
                page.screenshot(path=file, full_page=name != "campaign" or width == WIDTHS[1])


def test_the_theme_is_kept(scene: Scene, page: Any) -> None:
    page.emulate_media(color_scheme="light")
    page.click("[data-theme-toggle]")
    page.goto(f"{scene.url}/system")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("[data-theme-toggle]")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
