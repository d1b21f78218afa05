"""Messages of the wire to domain values and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from google.protobuf.timestamp_pb2 import Timestamp

from simsvc.core.lookup import Names
from simsvc.domain.campaign import Campaign, Evidence, Member
from simsvc.domain.errors import InvalidError, Violation
from simsvc.domain.prompt import MICROSECONDS, Message, Outcome, Prompt, Role, views_of
from simsvc.domain.pseudonyms import pseudonym
from simsvc.domain.signals.coverage import Coverage
from simsvc.domain.validation import Limits, RawPrompt, as_messages, violations
from simsvc.ports.record import Named, RecordedPrompt
from simsvc.v1 import campaigns_pb2, search_pb2, types_pb2

_NANOS = 1_000_000_000
_EXCERPT = 4000
_NOBODY = Named(b"", "")


def prompt_of(message: types_pb2.Prompt, limits: Limits, now: int) -> Prompt:
    """Return a valid prompt, or InvalidError with all that is wrong with it."""
    try:
        observed_at = time_of(message, "observed_at")
    except InvalidError as error:
        raise InvalidError([v.under("prompt") for v in error.violations]) from error
    raw = RawPrompt(
        request_id=message.request_id,
        account_id=message.account_id,
        organization_id=message.organization_id,
        observed_at=observed_at,
        model=message.model,
        messages=pairs_of(message.messages),
        attributes=message.attributes,
    )
    wrong = violations(raw, limits, now)
    if wrong:
        raise InvalidError([v.under("prompt") for v in wrong])
    return Prompt(
        request_id=raw.request_id,
        account_id=raw.account_id,
        observed_at=now if raw.observed_at is None else raw.observed_at,
        messages=as_messages(raw.messages),
        organization_id=raw.organization_id,
        model=raw.model,
        attributes=dict(raw.attributes),
    )


def pairs_of(messages: Iterable[types_pb2.Message]) -> list[tuple[int, str]]:
    """Return (role, content) of each message."""
    return [(int(m.role), m.content) for m in messages]


def time_of(message: types_pb2.Prompt | search_pb2.SearchFilter, field: str) -> int | None:
    """Return a timestamp in µs, None if it is not set; InvalidError if it is no time."""
    if not message.HasField(field):  # type: ignore[arg-type]
        return None
    stamp: Timestamp = getattr(message, field)
    if not 0 <= stamp.nanos < _NANOS or abs(stamp.seconds) > 2**40:
        raise InvalidError([Violation(field, "NOT_A_TIME", "is not a valid timestamp")])
    return stamp.seconds * MICROSECONDS + stamp.nanos // 1000


def timestamp(micros: int) -> Timestamp:
    """Return µs since the epoch as a Timestamp."""
    return Timestamp(seconds=micros // MICROSECONDS, nanos=micros % MICROSECONDS * 1000)


def outcome_message(outcome: Outcome) -> types_pb2.Outcome:
    """Return what the sender of a prompt is told."""
    return types_pb2.Outcome(
        prompt_id=str(outcome.seq),
        nearest_similarity=outcome.nearest_similarity,
        family_accounts=outcome.family_accounts,
        windows=outcome.windows,
        capped=outcome.capped,
        campaign_id=outcome.campaign_id,
    )


def seq_of(text: str, field: str) -> int:
    """Return the number that an id in a field like "prompt_id" stands for."""
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    wanted = f"{'an' if field[0] in 'aeiou' else 'a'}_{field}"
    told = f"is not {wanted.replace('_', ' ')}"
    raise InvalidError([Violation(field, f"NOT_{wanted.upper()}", told)])


def account_name(names: Names, account: int) -> str:
    """Return an account's pseudonym."""
    return pseudonym("acct", names.accounts.get(account, _NOBODY).hash)


def organization_name(names: Names, organization: int) -> str:
    """Return an organisation's pseudonym, "" for none."""
    if not organization:
        return ""
    return pseudonym("org", names.organizations.get(organization, _NOBODY).hash)


def excerpt(prompt: RecordedPrompt) -> RecordedPrompt:
    """Return a prompt with its payload alone, cut at 4,000 characters."""
    if prompt.messages is None:
        return prompt
    payload = views_of(prompt.messages).payload
    messages = (Message(Role.USER, payload[:_EXCERPT]),)
    whole = messages == prompt.messages
    return replace(prompt, messages=messages, text_state="shown" if whole else "excerpt")


def stored_prompt(prompt: RecordedPrompt, names: Names) -> search_pb2.StoredPrompt:
    """Return a prompt of the record."""
    return search_pb2.StoredPrompt(
        prompt_id=str(prompt.outcome.seq),
        request_id=prompt.request_id,
        account=account_name(names, prompt.owner.account),
        account_id=names.accounts.get(prompt.owner.account, _NOBODY).raw,
        organization=organization_name(names, prompt.owner.organization),
        observed_at=timestamp(prompt.observed_at),
        received_at=timestamp(prompt.received_at),
        model=prompt.model,
        messages=[
            types_pb2.Message(role=types_pb2.Role.ValueType(m.role), content=m.content)
            for m in prompt.messages or ()
        ],
        text_state=search_pb2.TextState.Value(f"TEXT_STATE_{prompt.text_state.upper()}"),
        attributes=prompt.attributes,
        outcome=outcome_message(prompt.outcome),
        tokens=prompt.tokens,
    )


def campaign_message(campaign: Campaign) -> campaigns_pb2.Campaign:
    """Return a campaign without its members."""
    return campaigns_pb2.Campaign(
        campaign_id=campaign.campaign_id,
        state=campaigns_pb2.CampaignState.ValueType(campaign.state),
        first_seen=timestamp(campaign.extent.first_seen),
        last_seen=timestamp(campaign.extent.last_seen),
        first_reported_at=timestamp(campaign.first_reported_at),
        update_time=timestamp(campaign.updated_at),
        account_count=campaign.extent.accounts,
        actor_count=campaign.extent.actors,
        prompt_count=campaign.extent.prompts,
        summary=campaign.summary(),
        evidence=[_evidence(e) for e in campaign.evidence],
        merged_into=campaign.merged_into,
        etag=campaign.etag,
        confidence=campaigns_pb2.Confidence.ValueType(campaign.confidence),
        tactics=campaign.tactics,
        coverage=_coverage(campaign.coverage) if campaign.coverage else None,
        next_steps=campaign.next_steps,
        split_from=campaign.split_from,
        review=_review(campaign),
        new_accounts=campaign.new_accounts,
    )


def member_message(member: Member, names: Names) -> campaigns_pb2.CampaignMember:
    """Return an account's part in a campaign."""
    return campaigns_pb2.CampaignMember(
        account=account_name(names, member.account),
        organization=organization_name(names, -member.actor if member.actor < 0 else 0),
        first_seen=timestamp(member.first_seen),
        last_seen=timestamp(member.last_seen),
        prompts=member.prompts,
        attribution_probability=member.probability,
        reasons=member.reasons,
    )


def _review(campaign: Campaign) -> campaigns_pb2.Review:
    review = campaign.review
    return campaigns_pb2.Review(
        verdict=campaigns_pb2.Verdict.ValueType(review.verdict),
        assignee=review.assignee,
        dismissal_reason=campaigns_pb2.DismissalReason.ValueType(review.reason or 0),
        comment=review.comment,
        reviewed_by=review.by,
        review_time=timestamp(review.at) if review.at else None,
        news=review.news,
        etag=campaign.review_etag,
    )


def _coverage(coverage: Coverage) -> campaigns_pb2.Coverage:
    return campaigns_pb2.Coverage(
        prompts=coverage.prompts,
        distinct=coverage.distinct,
        unseen_share=coverage.unseen,
        estimated_size=coverage.size or 0,
        division_of_labour=coverage.labour,
    )


def _evidence(evidence: Evidence) -> campaigns_pb2.Evidence:
    return campaigns_pb2.Evidence(
        signal=evidence.signal,
        description=evidence.description,
        value=evidence.value,
        expected=evidence.expected,
        log_p_value=evidence.log_p,
        prompt_ids=[str(seq) for seq in evidence.seqs],
    )
