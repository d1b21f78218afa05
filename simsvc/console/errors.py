"""Errors as pages that say what happened and what to do."""

from __future__ import annotations

from urllib.parse import quote

import grpc
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from simsvc.client import SimsvcRpcError
from simsvc.console.pages import (
    ForeignFormError,
    SignInNeededError,
    cookie_name,
    pages_of,
    sessions_of,
    wants_part,
)

_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: (400, "Something is wrong with the request"),
    grpc.StatusCode.OUT_OF_RANGE: (400, "Something is wrong with the request"),
    grpc.StatusCode.PERMISSION_DENIED: (403, "Your role does not allow this"),
    grpc.StatusCode.NOT_FOUND: (404, "There is no such thing"),
    grpc.StatusCode.ABORTED: (409, "Somebody else has decided meanwhile"),
    grpc.StatusCode.ALREADY_EXISTS: (409, "It is there already"),
    grpc.StatusCode.FAILED_PRECONDITION: (409, "That is not possible as things stand"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (429, "The server has too much to do"),
    grpc.StatusCode.UNIMPLEMENTED: (501, "This server cannot do that yet"),
    grpc.StatusCode.UNAVAILABLE: (503, "The server cannot be reached"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (503, "The server did not answer in time"),
}
_ADVICE = {
    grpc.StatusCode.PERMISSION_DENIED: "Ask whoever runs the server for a token with that role.",
    grpc.StatusCode.ABORTED: "Nothing was changed. Look at how things stand now, then decide again.",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "Try again in a moment.",
    grpc.StatusCode.UNIMPLEMENTED: "It will be here once the server is updated.",
    grpc.StatusCode.UNAVAILABLE: "The console goes on by itself as soon as the server answers.",
}


def add_errors(app: FastAPI) -> None:
    """Let an application answer its errors as pages."""
    app.add_exception_handler(SignInNeededError, _sign_in)
    app.add_exception_handler(SimsvcRpcError, _refused)
    app.add_exception_handler(ForeignFormError, _foreign)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)


def explained(error: SimsvcRpcError) -> tuple[int, str, str]:
    """Return the HTTP status of an error of the server, a title, and what it said."""
    status, title = _STATUS.get(error.code, (502, "The server failed"))
    said = "; ".join(f"{v.field}: {v.description}" for v in error.violations) or error.message
    return status, title, said


async def _sign_in(request: Request, _: Exception) -> Response:
    back = request.url.path if request.method == "GET" else "/"
    query = f"?{request.url.query}" if request.method == "GET" and request.url.query else ""
    where = f"/sign-in?next={quote(back + query, safe='')}"
    if _is_data(request):
        return JSONResponse({"message": "sign in again"}, 401)
    if wants_part(request):
        return Response(status_code=401, headers={"hx-redirect": "/sign-in"})
    return RedirectResponse(where, 303)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, SimsvcRpcError)  # noqa: S101 - what the handler is registered for
    if error.code is grpc.StatusCode.UNAUTHENTICATED:
        # The token was withdrawn.
        await sessions_of(request).close(request.cookies.get(cookie_name(request), ""))
        return await _sign_in(request, error)
    status, title, said = explained(error)
    return _page(request, status, title, said, _ADVICE.get(error.code, ""))


async def _foreign(request: Request, _: Exception) -> Response:
    said = "The form was not sent from a page of this sign-in. Load the page again, then send it."
    return _page(request, 403, "This form is out of date", said)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    title = "There is no such page" if error.status_code == 404 else "That does not work"
    return _page(request, error.status_code, title, str(error.detail))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - see above
    said = "; ".join(f"{e['loc'][-1]}: {e['msg']}" for e in error.errors())
    return _page(request, 400, "Something is wrong with the request", said)


def _page(request: Request, status: int, title: str, said: str, advice: str = "") -> Response:
    if _is_data(request):
        return JSONResponse({"message": f"{title}: {said}"}, status)
    campaign = request.path_params.get("campaign_id", "")
    template = "_problem.html" if wants_part(request) else "problem.html"
    values = {"title": title, "said": said, "advice": advice}
    return pages_of(request).answer(
        request, template, status, code=status, campaign_id=campaign, **values
    )


def _is_data(request: Request) -> bool:
    return request.url.path.endswith(".json")
