"""ReferenceSetService."""

from __future__ import annotations

from simsvc.core.references import ReferenceSets
from simsvc.domain.errors import InvalidError, Violation
from simsvc.domain.reference import ReferenceKind, ReferenceSet
from simsvc.domain.validation import Limits, id_violations
from simsvc.rpc.call import current_call
from simsvc.rpc.convert import timestamp
from simsvc.rpc.guard import Context
from simsvc.v1 import reference_sets_pb2, reference_sets_pb2_grpc

_KINDS = frozenset(int(kind) for kind in ReferenceKind)


class ReferenceSetServicer(reference_sets_pb2_grpc.ReferenceSetServiceServicer):
    """See reference_sets.proto."""

    def __init__(self, references: ReferenceSets, limits: Limits) -> None:
        self._references = references
        self._limits = limits

    async def LoadReferenceSet(
        self, request: reference_sets_pb2.LoadReferenceSetRequest, context: Context
    ) -> reference_sets_pb2.ReferenceSet:
        """See reference_sets.proto."""
        wrong = self._violations(request)
        if wrong:
            raise InvalidError(wrong)
        kind = ReferenceKind(request.kind)
        name, texts = request.reference_set_id, list(request.texts)
        made = await self._references.add(current_call.get().principal, name, kind, texts)
        return _message(made)

    async def ListReferenceSets(
        self, request: reference_sets_pb2.ListReferenceSetsRequest, context: Context
    ) -> reference_sets_pb2.ListReferenceSetsResponse:
        """See reference_sets.proto."""
        sets = await self._references.all()
        return reference_sets_pb2.ListReferenceSetsResponse(reference_sets=map(_message, sets))

    async def DeleteReferenceSet(
        self, request: reference_sets_pb2.DeleteReferenceSetRequest, context: Context
    ) -> reference_sets_pb2.DeleteReferenceSetResponse:
        """See reference_sets.proto."""
        wrong = id_violations("reference_set_id", request.reference_set_id, self._limits)
        if wrong:
            raise InvalidError(wrong)
        await self._references.delete(current_call.get().principal, request.reference_set_id)
        return reference_sets_pb2.DeleteReferenceSetResponse()

    def _violations(self, request: reference_sets_pb2.LoadReferenceSetRequest) -> list[Violation]:
        limits = self._limits
        wrong = id_violations("reference_set_id", request.reference_set_id, limits)
        if request.kind not in _KINDS:
            wrong.append(Violation("kind", "UNKNOWN_KIND", f"unknown kind {request.kind}"))
        if not request.texts:
            wrong.append(Violation("texts", "REQUIRED", "must hold at least one text"))
        if len(request.texts) > limits.batch_prompts:
            text = f"holds more than {limits.batch_prompts} texts"
            return [*wrong, Violation("texts", "TOO_MANY", text)]
        for i, item in enumerate(request.texts):
            if not item.strip():
                wrong.append(Violation(f"texts[{i}]", "EMPTY", "is blank"))
            elif len(item.encode()) > limits.prompt_bytes:
                text = f"longer than {limits.prompt_bytes} bytes"
                wrong.append(Violation(f"texts[{i}]", "TOO_LONG", text))
            elif "\0" in item:
                wrong.append(Violation(f"texts[{i}]", "NUL", "holds a NUL character"))
        return wrong


def _message(held: ReferenceSet) -> reference_sets_pb2.ReferenceSet:
    return reference_sets_pb2.ReferenceSet(
        reference_set_id=held.name,
        kind=reference_sets_pb2.ReferenceSetKind.ValueType(held.kind),
        items=held.items,
        create_time=timestamp(held.created_at),
    )
