"""What analysts are shown, on a real server, held against the truth of planted traffic."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from statistics import median

import grpc
import pytest

from simsvc.client import Client, Connection, EdgeKind, SimsvcRpcError
from simsvc.core.access import token_hash
from simsvc.demo.command import SOON, largest_campaign
from simsvc.demo.traffic import generate
from tests.insight_world import PLAN, PLANTED, ROLES, TOKENS, World, sent
from tests.process import ServerProcess


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("insight")
    config = folder / "simsvc.toml"
    config.write_text(
        "\n".join(
            f'[[tokens]]\nname = "{r}"\nsha256 = "{token_hash(TOKENS[r])}"\nroles = ["{r}"]'
            for r in ROLES
        )
    )
    with ServerProcess(folder / "data", {**SOON, "SIMSVC_CONFIG": str(config)}) as server:
        address = server.address()
        with Client(Connection(address, TOKENS["ingest"])) as client:
            by_prompt = sent(client, generate(PLAN))
        with Client(Connection(address, TOKENS["analyst"])) as client:
            campaign = largest_campaign(client, 120.0)
            assert campaign is not None
            accounts = {e.account_id for e in by_prompt.values()}
            pseudonyms = {a: client.get_account(a).account for a in sorted(accounts)}
        yield World(address, campaign, by_prompt, pseudonyms)


def test_most_that_were_planted_are_named_and_hardly_another(world: World) -> None:
    members = {m.account for m in world.campaign.members}
    assert len(members & world.planted) >= 0.7 * PLANTED
    assert len(members - world.planted) <= 2


def test_the_timeline_tells_the_task_from_the_cover(world: World) -> None:
    with world.client() as client:
        found = client.campaign_timeline(world.campaign.campaign_id)
    assert found.total_prompts == len(found.times) == len(found.prompt_ids)
    assert list(found.times) == sorted(found.times)
    assert set(found.accounts) == {m.account for m in world.campaign.members}
    for prompt_id, at, place in zip(
        found.prompt_ids, found.times, found.account_indexes, strict=True
    ):
        event = world.by_prompt[prompt_id]
        assert found.accounts[place] == world.pseudonyms[event.account_id]
        assert abs(at - event.observed_at.timestamp() * 1e6) < 2
    told = {p for p, mine in zip(found.prompt_ids, found.attributed, strict=True) if mine}
    right = {p for p in told if world.of_group(p)}
    assert len(right) >= 0.85 * len(told)
    assert len(right) >= 0.85 * len(world.work_of_members)
    with world.client() as client:
        few = client.campaign_timeline(world.campaign.campaign_id, max_points=40)
    assert few.total_prompts == found.total_prompts
    assert 20 <= len(few.times) <= 40


def test_the_map_lays_the_task_over_all_traffic(world: World) -> None:
    with world.client() as client:
        found = client.campaign_map(world.campaign.campaign_id)
        alone = client.campaign_map()
        few = client.campaign_map(max_points=100)
        again = client.campaign_map()
    assert found.total_prompts == len(world.events)
    assert len(found.campaign) == 2 * len(found.campaign_prompt_ids)
    assert len(found.cover) == 2 * len(found.cover_prompt_ids)
    laid_over = len(found.campaign_prompt_ids) + len(found.cover_prompt_ids)
    assert len(found.background) // 2 + laid_over == len(world.events)
    assert sum(map(world.of_group, found.campaign_prompt_ids)) >= 0.85 * len(
        found.campaign_prompt_ids
    )
    assert sum(map(world.of_group, found.cover_prompt_ids)) <= 0.2 * len(found.cover_prompt_ids)
    # One task lies in one place; what people ask lies anywhere.
    assert spread(found.campaign) < 0.9 * spread(found.background)
    assert 0 < found.explained_variance < 1
    assert len(alone.background) == 2 * len(world.events)
    assert not alone.campaign
    assert alone == again
    assert 100 <= len(few.background) <= 200


def spread(points: Iterable[float]) -> float:
    """Return how far the middle point lies from the middle of all: one that strays is no matter."""
    values = list(points)
    x, y = values[::2], values[1::2]
    middle = median(x), median(y)
    return median(math.dist(middle, point) for point in zip(x, y, strict=True))


def test_the_graph_links_the_accounts_that_work_together(world: World) -> None:
    with world.client() as client:
        found = client.campaign_graph(world.campaign.campaign_id)
        few = client.campaign_graph(world.campaign.campaign_id, max_accounts=5)
    names = [node.account for node in found.nodes]
    assert found.total_accounts == len(names) == world.campaign.account_count
    assert len(set(names) & world.planted) >= 0.9 * len(names)
    assert [n.attribution_probability for n in found.nodes] == sorted(
        (n.attribution_probability for n in found.nodes), reverse=True
    )
    reached = {edge.source for edge in found.edges} | {edge.target for edge in found.edges}
    assert len(reached) >= 0.9 * len(names)
    assert len(found.edges) <= 8 * len(names)
    for edge in found.edges:
        assert 0 <= edge.source < edge.target < len(names)
        assert 0 < edge.weight <= 1
        assert edge.kind != EdgeKind.EDGE_KIND_UNSPECIFIED
        assert all(re.search(r"\d", reason) for reason in edge.reasons)
    reasons = Counter(reason.split(" (")[0] for e in found.edges for reason in e.reasons)
    assert reasons["their prompts are drawn from one distribution"] >= len(names) / 2
    assert (len(few.nodes), few.total_accounts) == (5, found.total_accounts)
    assert all(edge.target < 5 for edge in few.edges)


def test_frames_show_what_is_asked_over_and_over_and_mark_what_varies(world: World) -> None:
    with world.client() as client:
        found = client.campaign_frames(world.campaign.campaign_id)
    frame = found.frames[0]
    assert frame.prompts == max(f.prompts for f in found.frames)
    assert frame.accounts >= 5
    missed = PLANTED - len({m.account for m in world.campaign.members} & world.planted)
    assert frame.other_accounts <= missed + 3
    assert frame.examples
    for example in frame.examples:
        event = world.by_prompt[example.prompt_id]
        text = event.messages[-1][1]
        assert "".join(span.text for span in example.spans) == text
        varying = " ".join(span.text for span in example.spans if span.varying)
        figures = re.findall(r": \w+ (\d+), ", text)
        assert figures
        assert all(figure in varying for figure in figures)
        fixed = sum(len(span.text) for span in example.spans if not span.varying)
        assert fixed > 0.3 * len(text)


def test_coverage_grows_along_the_task(world: World) -> None:
    with world.client() as client:
        found = client.campaign_coverage(world.campaign.campaign_id)
    assert len(found.prompts) == len(found.distinct) == len(found.times) <= 200
    assert list(found.times) == sorted(found.times)
    for steps in (list(found.prompts), list(found.distinct)):
        assert all(a <= b for a, b in pairwise(steps))
    assert found.prompts[0] == found.distinct[0] == 1
    assert found.prompts[-1] >= 0.85 * len(world.work_of_members)
    assert 1 < found.distinct[-1] <= found.prompts[-1]
    assert found.estimated_size >= found.distinct[-1]
    assert 0 <= found.unseen_share <= 1


def with_most_twins(client: Client, accounts: Iterable[str]) -> str:
    """Return one of several accounts: one in ten has few, and which depends on the server's key."""
    return max(accounts, key=lambda a: len(client.account_activity(a).twins))


def test_an_account_of_the_group_has_its_fellows_for_twins(world: World) -> None:
    with world.client() as client:
        used = client.campaign_frames(world.campaign.campaign_id).frames[0]
        examples = {world.by_prompt[e.prompt_id].account_id for e in used.examples}
        assert len(examples) > 2
        mine = with_most_twins(client, examples)
        found = client.account_activity(mine)
        by_name = client.account_activity(world.pseudonyms[mine], max_twins=3)
    assert found.account == world.pseudonyms[mine]
    days = Counter(e.observed_at.date() for e in world.events if e.account_id == mine)
    assert {d.day.ToDatetime().date(): d.prompts for d in found.days if d.prompts} == days
    assert found.prompts_looked_at == PLAN.group_prompts
    assert 1 < found.breadth <= PLAN.group_prompts
    assert 1 < found.median_breadth <= PLAN.group_prompts
    twins = [twin.account for twin in found.twins]
    assert len(twins) > 5
    assert found.account not in twins
    assert len(set(twins) & world.planted) >= 0.9 * len(twins)
    assert [t.rho for t in found.twins] == sorted((t.rho for t in found.twins), reverse=True)
    assert any(world.campaign.campaign_id in twin.campaign_ids for twin in found.twins)
    assert [t.account for t in by_name.twins] == twins[:3]
    assert found.frames[0].accounts >= 5


def test_an_ordinary_account_has_no_twins_in_the_group(world: World) -> None:
    counts = Counter(
        e.account_id for e in world.events if world.pseudonyms[e.account_id] not in world.planted
    )
    with world.client() as client:
        seen = [client.account_activity(a) for a, _ in counts.most_common(5)]
    drawn_in = [f for f in seen if {twin.account for twin in f.twins} & world.planted]
    assert len(drawn_in) <= 1
    assert all(found.isolation < 0.9 for found in seen)
    assert sum(d.prompts for d in seen[0].days) == counts.most_common(1)[0][1]


def test_what_speaks_against_it_is_told(world: World) -> None:
    with world.client() as client:
        case = client.get_campaign(world.campaign.campaign_id)
        [listed] = [
            c for c in client.list_campaigns() if c.campaign_id == world.campaign.campaign_id
        ]
    against = "\n".join(case.counter_evidence)
    assert "Conversations do not go on from one account in another" in against
    assert "no reference set" in against
    assert "bursts" not in against
    assert not listed.counter_evidence
    assert 0 <= case.new_accounts <= case.account_count


WRONG: list[tuple[Callable[[Client], object], str]] = [
    (lambda c: c.campaign_timeline(""), "campaign_id"),
    (lambda c: c.campaign_timeline("cmp_x", max_points=-1), "max_points"),
    (lambda c: c.campaign_map(max_points=-1), "max_points"),
    (lambda c: c.campaign_map("x" * 2000), "campaign_id"),
    (lambda c: c.campaign_graph("cmp_x", max_accounts=-1), "max_accounts"),
    (lambda c: c.campaign_frames(""), "campaign_id"),
    (lambda c: c.campaign_coverage(""), "campaign_id"),
    (lambda c: c.account_activity(""), "account_id"),
    (lambda c: c.account_activity("a", max_twins=-1), "max_twins"),
]
MISSING: list[Callable[[Client], object]] = [
    lambda c: c.campaign_timeline("cmp_none"),
    lambda c: c.campaign_map("cmp_none"),
    lambda c: c.campaign_graph("cmp_none"),
    lambda c: c.campaign_frames("cmp_none"),
    lambda c: c.campaign_coverage("cmp_none"),
    lambda c: c.account_activity("nobody"),
]


def test_what_is_wrong_is_named_and_what_is_not_there_is_not_found(world: World) -> None:
    with world.client() as client:
        for call, field in WRONG:
            with pytest.raises(SimsvcRpcError) as caught:
                call(client)
            assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
            assert [v.field for v in caught.value.violations] == [field]
        for missing in MISSING:
            with pytest.raises(SimsvcRpcError) as caught:
                missing(client)
            assert caught.value.code is grpc.StatusCode.NOT_FOUND


def test_who_sends_prompts_sees_nothing_and_who_reads_texts_is_written_down(world: World) -> None:
    name = world.campaign.campaign_id
    with world.client("ingest") as client:
        for missing in MISSING:
            with pytest.raises(SimsvcRpcError) as caught:
                missing(client)
            assert caught.value.code is grpc.StatusCode.PERMISSION_DENIED
    mine = next(e.account_id for e in world.events if e.group)
    with world.client("reviewer") as client:
        client.campaign_frames(name)
        client.account_activity(mine)
    told = world.shell("reviewer").json("audit", "list")[:2]
    assert [(e["principal"], e["action"], e["subject"]) for e in told] == [
        ("reviewer", "activity", world.pseudonyms[mine]),
        ("reviewer", "frames", name),
    ]


def test_the_terminal_shows_it(world: World) -> None:
    members = list(dict.fromkeys(e.account_id for e in world.events if e.group))
    with world.client() as client:
        mine = with_most_twins(client, members[:6])
    shown = world.shell().run("account", mine).stdout
    topics = f"topics in {PLAN.group_prompts} prompts"
    for words in ("volume", "breadth", topics, "Nearest twins", "█", "frame_"):
        assert words in shown
    told, activity = world.shell().json("account", mine)
    assert told["account"] == activity["account"] == world.pseudonyms[mine]
    assert len(activity["twins"]) >= 5
    case = world.shell().run("campaigns", "show", world.campaign.campaign_id).stdout
    assert "What speaks against it" in case
    assert "frame_" in case
    assert "⟦" in case
