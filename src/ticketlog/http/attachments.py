"""Attachments over HTTP: bytes that come are written as they come, bytes that go are never shown by
a browser as a page of the desk's."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ticketlog.documents.outcomes import Outcome as OutcomeDocument
from ticketlog.domain.aggregates import AGGREGATES
from ticketlog.domain.base import Actor, NotFound
from ticketlog.domain.ticket.conversation import Attach, AttachmentAdded
from ticketlog.http.answers import POSITION, PRIVATE
from ticketlog.http.commands import Sending, envelope, key_of, outcome_answer, seen_by, stream_named
from ticketlog.http.documented import (
    answer_headers,
    example_id,
    path_parameter,
    problems_of,
    sending_parameters,
)
from ticketlog.http.parameters import filled, parameters_of, read_parameters
from ticketlog.http.problems import Problem
from ticketlog.http.served import Served, actor_of
from ticketlog.log.attachments import IncomingAttachment, Stored

_PATH = "/tickets/{id}/attachments"
_PIECE = 1 << 20
"""Bytes that are written at once."""
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_MEDIA = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}")
_SAFE = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""A browser that opens an attachment all the same runs nothing of it."""


class AttachSending(Sending):
    """The parameters of an upload."""

    name: str = Field("attachment", min_length=1, max_length=500, description="The file's name.")
    comment: str | None = Field(None, description="The id of the comment that it came with.")


_UPLOAD = {each.name: each for each in parameters_of(AttachSending)}


def router(served: Served) -> APIRouter:
    """The routes of attachments."""
    routes = APIRouter(tags=["tickets"])

    async def upload(request: Request) -> Response:
        """Attaches a file to a ticket: the body is the file's bytes, `Content-Type` whatever type
        it has."""
        actor = await actor_of(request)
        given = filled(AttachSending, read_parameters(request, _UPLOAD))
        stream = stream_named(AGGREGATES["ticket"], request.path_params["id"])
        sending = envelope(given, actor, without=("name", "comment"))
        sending |= {"id": key_of(request), "seen": seen_by(request, given)}
        media = request.headers.get("content-type", "").partition(";")[0].strip()
        if not _MEDIA.fullmatch(media):
            raise Problem(415, "unsupported-media-type", "Content-Type must say what the file is")
        await served.read(_check_may_attach, served, stream, actor)
        with ExitStack() as stack:
            file = stack.enter_context(served.desk.incoming_attachment())
            stored = await _received(request, served, file)
            outcome = await served.write(
                served.desk.attach_file,
                stream,
                stored,
                actor=actor,
                name=given.name,
                media_type=media,
                comment=given.comment,
                **sending,
            )
        position = str(await served.read(served.desk.cut))
        return outcome_answer(outcome, position)

    async def download(request: Request) -> Response:
        """The bytes of an attachment, or a part of them (`Range`). Browsers save it."""
        actor = await actor_of(request)
        stream = stream_named(AGGREGATES["ticket"], request.path_params["id"])
        attachment = request.path_params["attachment"]
        facts, file = await served.read(_found, served, stream, attachment, actor)
        headers = _headers(facts) | {POSITION: str(await served.read(served.desk.cut))}
        etag = headers["ETag"]
        if etag in (request.headers.get("if-none-match") or ""):
            return Response(status_code=304, headers=headers)
        _check_range(request, facts.size)
        return FileResponse(file, headers=headers, media_type=facts.media_type)

    routes.add_api_route(_PATH, upload, methods=["POST"], **_upload_operation())
    routes.add_api_route(
        f"{_PATH}/{{attachment}}", download, methods=["GET"], **_download_operation()
    )
    return routes


async def _received(request: Request, served: Served, file: IncomingAttachment) -> Stored:
    """The body, kept."""
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) >= _PIECE:
            await served.write(file.write, bytes(held))
            held.clear()
    await served.write(file.write, bytes(held))
    return await served.write(file.keep)


def _check_may_attach(served: Served, stream: str, actor: Actor) -> None:
    """Raises NotFound, Forbidden before the bytes come."""
    if not served.desk.load(stream, actor=actor).exists:
        raise NotFound(f"{stream} doesn't exist: nothing was attached")
    served.desk.check_right(actor, Attach, stream)


def _found(
    served: Served, stream: str, attachment: str, actor: Actor
) -> tuple[AttachmentAdded, Path]:
    """The facts of an attachment, and the file of its bytes, which are checked."""
    facts, content = served.desk.attachment(stream, attachment, actor=actor)
    with content:
        return facts, Path(content.name)


def _headers(facts: AttachmentAdded) -> dict[str, str]:
    name = quote(facts.name, safe="")
    return {
        **PRIVATE,
        **_SAFE,
        "ETag": f'"{facts.sha256}"',
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
    }


def _check_range(request: Request, size: int) -> None:
    """Takes a range out of the request that is none, as RFC 9110 wants. Raises Problem 416 for one
    beyond the end."""
    given = request.headers.get("range")
    if given is None:
        return
    found = _RANGE.fullmatch(given.strip())
    first, last = (found[1], found[2]) if found else ("", "")
    if found is None or not (first or last) or (first and last and int(first) > int(last)):
        kept = [each for each in request.scope["headers"] if each[0] != b"range"]
        request.scope["headers"] = kept
        return
    if (first and int(first) >= size) or (not first and int(last) == 0):
        raise Problem(
            416,
            "range-not-satisfiable",
            f"the attachment has {size} bytes",
            headers={"Content-Range": f"bytes */{size}"},
        )


def _upload_operation() -> dict[str, Any]:
    return {
        "operation_id": "tickets.attach",
        "response_model": OutcomeDocument,
        "responses": {
            200: {
                "description": "It is attached, durably.",
                "headers": answer_headers("Ticketlog-Position", "Ticketlog-Version", "ETag"),
            },
            **problems_of(404, 409, 413, 415),
        },
        "openapi_extra": {
            "parameters": [
                path_parameter("id", example_id("ticket")),
                *sending_parameters(_UPLOAD.values()),
            ],
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {
                        "schema": {"type": "string", "format": "binary"},
                        "example": "a screenshot",
                    }
                },
            },
        },
    }


def _download_operation() -> dict[str, Any]:
    binary = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    headers = {
        **answer_headers("Ticketlog-Position", "ETag"),
        "Content-Disposition": {"description": "Its name.", "schema": {"type": "string"}},
    }
    return {
        "operation_id": "tickets.attachment",
        "response_class": Response,
        "responses": {
            200: {"description": "The bytes.", "content": binary, "headers": headers},
            206: {"description": "The part that was asked for.", "content": binary},
            304: {"description": "The asker has it already."},
            **problems_of(404, 416),
        },
        "openapi_extra": {
            "parameters": [
                path_parameter("id", example_id("ticket")),
                path_parameter("attachment", "019a0000-0000-7000-8000-000000000000.0"),
                {
                    "name": "Range",
                    "in": "header",
                    "required": False,
                    "description": "A part of the bytes: `bytes=0-1023`.",
                    "schema": {"type": "string"},
                },
            ]
        },
    }
