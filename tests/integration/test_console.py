"""The web console against a real server: who gets in, what they may, and what cannot harm them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from simsvc.client import Verdict
from tests.consoles import ACCOUNTS, TOKENS, Place, Visitor, found, running_place

# Written by somebody who wants to do harm to whoever reads it.
EVIL = " <script>alert(1)</script><img src=x onerror=alert(2)> \x1b[31mred \u202egnp.exe \x07"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_place(tmp_path_factory.mktemp("console"), EVIL) as made:
        yield made


def reviewed(place: Place) -> tuple[int, int]:
    """Return the verdict, and how many reviews there are."""
    campaign = place.campaign()
    with place.client("reviewer") as client:
        return campaign.review.verdict, len(list(client.reviews(campaign.campaign_id)))


def test_every_answer_is_strict(place: Place) -> None:
    visitor = place.visitor("reviewer")
    theme = found(r'src="(/static/theme.js[^"]*)"', visitor.get("/").text)
    for path, status in (("/", 200), ("/nowhere", 404), ("/sign-in", 200), (theme, 200)):
        answer = visitor.get(path)
        assert answer.status == status
        policy = answer.headers["content-security-policy"].split("; ")
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "style-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert ("no-store" in answer.headers["cache-control"]) == (path != theme)
        assert "server" not in answer.headers
        assert not [p for p in ("<style", " style=", " onclick=") if p in answer.text]


def test_nobody_gets_in_without_a_token(place: Place) -> None:
    stranger = Visitor(place.console.url)
    name = place.campaign().campaign_id
    for path in (
        "/",
        f"/campaigns/{name}",
        "/search",
        "/system",
        "/audit",
        "/prompts/1",
        "/events",
    ):
        answer = stranger.get(path)
        assert answer.status == 303
        assert answer.headers["location"].startswith("/sign-in?next=%2F")
    assert stranger.get(f"/campaigns/{name}/timeline.json").status == 401
    assert stranger.get("/", **{"HX-Request": "true"}).headers["hx-redirect"] == "/sign-in"
    for token in ("", "sim_wrong", "not\nascii ü"):
        answer = stranger.post("/sign-in", {"token": token})
        assert answer.status in (400, 401)
        assert "set-cookie" not in answer.headers
    assert stranger.get("/docs").status == 404
    assert stranger.get("/openapi.json").status == 404


def test_the_cookie_is_opaque_and_ends_with_the_session(place: Place) -> None:
    visitor = Visitor(place.console.url)
    answer = visitor.post("/sign-in", {"token": TOKENS["analyst"], "next": "/system"})
    assert answer.headers["location"] == "/system"
    attributes = answer.headers["set-cookie"].lower().split("; ")
    assert {"httponly", "samesite=strict", "path=/"} <= set(attributes)
    assert TOKENS["analyst"] not in answer.headers["set-cookie"]
    kept = visitor.cookie
    visitor.csrf = found(r'data-csrf="([^"]+)"', visitor.get("/").text)
    assert visitor.post("/sign-out").status == 303
    visitor.cookie = kept
    assert visitor.get("/").status == 303


@pytest.mark.parametrize("next_page", ["//evil.example", "/\\evil.example", "https://evil.example"])
def test_signing_in_leads_nowhere_else(place: Place, next_page: str) -> None:
    answer = Visitor(place.console.url).post(
        "/sign-in", {"token": TOKENS["analyst"], "next": next_page}
    )
    assert answer.headers["location"] == "/"


FOREIGN: list[dict[str, str]] = [
    {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
    {"Origin": "https://evil.example", "Sec_Fetch_Site": ""},
    {"Origin": "https://evil.example", "Sec_Fetch_Site": "same-origin"},
    {"Origin": "null", "Sec_Fetch_Site": "cross-site"},
    {"Origin": "null", "Sec_Fetch_Site": ""},
    {"Origin": "", "Sec_Fetch_Site": "same-site"},
    {"Origin": "", "Sec_Fetch_Site": "none"},
    {"Origin": "", "Sec_Fetch_Site": ""},
]


def test_a_foreign_origin_cannot_post(place: Place) -> None:
    visitor, campaign = place.visitor("reviewer"), place.campaign()
    path, form = f"/campaigns/{campaign.campaign_id}/confirm", {"etag": campaign.review.etag}
    before = reviewed(place)
    for headers in FOREIGN:
        assert visitor.post(path, form, **headers).status == 403, headers
    for csrf in ("", "wrong", place.visitor("reviewer").csrf):
        assert visitor.post(path, {**form, "csrf": csrf}).status == 403
    assert reviewed(place) == before


def test_a_name_that_is_not_local_is_refused(place: Place) -> None:
    for host in ("evil.example", "evil.example:8551", "127.0.0.1.evil.example", "1.2.3.4", "[::2]"):
        assert Visitor(place.console.url).get("/sign-in", Host=host).status == 421
    for host in ("localhost:1", "127.0.0.2", "[::1]:8551"):
        assert Visitor(place.console.url).get("/sign-in", Host=host).status == 200


def test_roles_are_those_of_the_server(place: Place) -> None:
    campaign = place.campaign()
    page = f"/campaigns/{campaign.campaign_id}"
    form = {"etag": campaign.review.etag}
    before = reviewed(place)
    analyst = place.visitor("analyst")
    assert "takes the role reviewer" in analyst.get(page).text
    assert f'action="{page}/confirm"' not in analyst.get(page).text
    for action in ("confirm", "dismiss", "reopen", "exclude", "merge", "split"):
        full = {**form, "reason": "viral", "account": campaign.members[0].account, "others": "x"}
        answer = analyst.post(f"{page}/{action}", full)
        assert answer.status == 403
        assert "reviewer" in answer.text
    assert analyst.get("/audit").status == 403
    assert reviewed(place) == before
    ingest = place.visitor("ingest")
    prompt = campaign.representative_prompt_ids[0]
    for path in ("/", page, f"/prompts/{prompt}", f"/search?prompt={prompt}", "/audit"):
        answer = ingest.get(path)
        assert answer.status == 403, path
        assert "garden chair" not in answer.text
    assert ingest.get(f"{page}/map.json").status == 403
    operator = place.visitor("operator")
    assert operator.get("/").status == operator.get("/audit").status == 200
    assert operator.get(page).status == 403


def test_somebody_elses_decision_is_not_overwritten(place: Place) -> None:
    visitor, campaign = place.visitor("reviewer"), place.campaign()
    page = f"/campaigns/{campaign.campaign_id}"
    stale = {"etag": campaign.review.etag}
    assert visitor.post(f"{page}/comment", {**stale, "comment": "first"}).status == 303
    answer = visitor.post(f"{page}/confirm", stale)
    assert answer.status == 409
    assert "Somebody else has decided meanwhile" in answer.text
    assert f'href="{page}#review"' in answer.text
    assert reviewed(place)[0] == Verdict.VERDICT_NONE


def test_what_is_written_by_strangers_is_inert(place: Place) -> None:
    visitor, campaign = place.visitor("reviewer"), place.campaign()
    page = f"/campaigns/{campaign.campaign_id}"
    with place.client("analyst") as client:
        matches = client.search(text=f"a wooden garden chair number 0{EVIL}").groups[0].matches
    evil = matches[0].prompt.prompt_id
    form = {"etag": campaign.review.etag, "comment": EVIL}
    assert visitor.post(f"{page}/comment", form).status == 303
    pages = {
        "prompt": visitor.get(f"/prompts/{evil}"),
        "look-up": visitor.post("/search", {"text": f"a wooden garden chair{EVIL}"}),
        "campaign": visitor.get(page),
        "frames": visitor.get(f"{page}/frames"),
        "audit": visitor.get("/audit"),
        "error": visitor.get("/?state=%3Cscript%3Ealert(1)%3C/script%3E%1b"),
    }
    for name, answer in pages.items():
        assert "<script>alert" not in answer.text, name
        assert "<img src=x" not in answer.text, name
        assert not {"\x1b", "\u202e", "\x07"} & set(answer.text), name
    for name in ("prompt", "look-up", "campaign", "audit"):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[name].text, name
        assert "␛[31mred ⟨U+202E⟩gnp.exe ␇" in pages[name].text, name


def test_changes_are_told_as_they_happen(place: Place) -> None:
    visitor, campaign = place.visitor("analyst"), place.campaign()
    lines = visitor.stream("/events")
    assert next(lines).startswith("retry:")
    form = {"etag": place.campaign().review.etag, "assignee": "ben"}
    assert visitor.post(f"/campaigns/{campaign.campaign_id}/assign", form).status == 303
    told = next(line for line in lines if line.startswith("data:") and ">ben<" in line)
    assert campaign.campaign_id in told
    assert "was reviewed" in told


def test_a_tab_that_comes_back_is_told_what_it_missed(place: Place) -> None:
    visitor, campaign = place.visitor("analyst"), place.campaign()
    assign = f"/campaigns/{campaign.campaign_id}/assign"
    lines = visitor.stream("/events")
    assert "event: begun" in (next(lines), next(lines), next(lines))
    visitor.post(assign, {"etag": place.campaign().review.etag, "assignee": "ann"})
    last = next(line for line in lines if line.startswith("id: "))
    assert ">ann<" in next(line for line in lines if line.startswith("data:"))
    lines.close()
    visitor.post(assign, {"etag": place.campaign().review.etag, "assignee": "cid"})
    query = urlencode({"after": last.removeprefix("id: "), "away": 60})
    assert any(">cid<" in line for line in visitor.stream(f"/events?{query}"))


def test_who_signs_in_again_ends_the_session_before(place: Place) -> None:
    visitor = place.visitor("analyst")
    former = replace(visitor)
    visitor.sign_in("analyst")
    assert visitor.get("/").status == 200
    assert former.get("/").status == 303


def test_a_place_that_the_server_does_not_know_is_forgotten(place: Place) -> None:
    told = place.visitor("analyst").get("/events", **{"Last-Event-ID": "of another key"})
    assert 'id:\nevent: lost\ndata: "INVALID_ARGUMENT"\n' in told.text


def test_members_are_searched_and_charts_have_their_numbers(place: Place) -> None:
    visitor, campaign = place.visitor("analyst"), place.campaign()
    page = f"/campaigns/{campaign.campaign_id}"
    one = campaign.members[3].account
    part = visitor.get(f"{page}/members?q={one}").text
    assert part.count('href="/accounts/') == 1
    assert one in part
    for chart in ("timeline", "map", "graph", "coverage"):
        answer = visitor.get(f"{page}/{chart}.json")
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
    assert visitor.get("/campaigns/cmp_none/map.json").status == 404
    assert visitor.get(f"/accounts/{one}").status == 200
    assert "Prompts by day" in visitor.get(f"/accounts/{one}/activity").text
    assert str(ACCOUNTS) in visitor.get(page).text


def test_an_account_is_found_by_its_raw_id(place: Place) -> None:
    answer = place.visitor("analyst").post("/accounts", {"id": "account-3"})
    assert answer.status == 303
    assert answer.headers["location"].startswith("/accounts/acct_")


def test_a_request_says_how_long_it_is(place: Place) -> None:
    own = {"Transfer_Encoding": "chunked", "Content_Length": ""}
    assert Visitor(place.console.url).post("/sign-in", **own).status == 411
    answer = Visitor(place.console.url).post("/sign-in", Content_Length="3000000")
    assert answer.status == 413


WRONG = {
    "/?state=unheard": 400,
    "/?order=unheard": 400,
    "/?page=unheard": 400,
    "/campaigns/cmp_none": 404,
    "/prompts/none": 400,
    "/prompts/987654": 404,
    "/accounts/nobody": 404,
    "/search?prompt=1&since=yesterday": 400,
    "/search?prompt=1&since=0001-01-01T00:00:00%2B23:59": 400,
    "/search?prompt=1&similarity=much": 400,
    "/search?prompt=1&similarity=7": 400,
}


@pytest.mark.parametrize("path", WRONG)
def test_what_is_wrong_is_told(place: Place, path: str) -> None:
    answer = place.visitor("reviewer").get(path)
    assert answer.status == WRONG[path]
    assert 'role="alert"' in answer.text


def test_no_secret_is_logged(place: Place) -> None:
    place.visitor("reviewer").post("/search", {"text": "a text that nobody else has written"})
    log = place.console.log + place.server.raw_log
    assert "nobody else has written" not in log
    assert not [role for role, token in TOKENS.items() if token in log]


def test_a_reviewer_takes_a_campaign_away_as_a_file(place: Place) -> None:
    page = f"/campaigns/{place.campaign().campaign_id}"
    reviewer, analyst = place.visitor("reviewer"), place.visitor("analyst")
    bundle = reviewer.get(f"{page}/export?format=stix&tlp=green")
    assert bundle.status == 200, bundle.text
    assert bundle.headers["content-disposition"].startswith('attachment; filename="')
    assert '"type": "bundle"' in bundle.text.replace('"type":"bundle"', '"type": "bundle"')
    assert reviewer.get(f"{page}/export?format=html").status == 200
    assert "garden chair" not in bundle.text
    assert reviewer.get(f"{page}/export?format=exe").status == 400
    assert analyst.get(f"{page}/export").status == 403
    assert f"{page}/export" not in analyst.get(page).text
