"""Answers: documents as ready bytes, with their version, their position and their ETag."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, get_args, get_origin

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ticketlog.documents.base import Document
from ticketlog.http.problems import Problem

JSON = "application/json"
POSITION, VERSION = "Ticketlog-Position", "Ticketlog-Version"
PRIVATE = {"Cache-Control": "private, no-cache"}
"""A cache may keep an answer for its asker alone, and asks each time whether it is still right."""


class Answer:
    """An answer before it is known whether the asker has it already."""

    def __init__(
        self,
        document: Document | bytes,
        position: str,
        *,
        version: int | None = None,
        fields: str | None = None,
        of_rows: bool = False,
    ) -> None:
        """`document`: it, or the JSON of all of it. `version`: of the stream that it is about.
        `fields`: names of the only fields that are asked for, with commas; `of_rows`: they are
        those of its rows, where it has such. Raises Problem 422 for a field that it hasn't."""
        if isinstance(document, bytes):
            self.body = document
        elif fields is None:
            self.body = encoded(document)
        else:
            self.body = _sparse(document, fields, of_rows)
        self.position = position
        self.version = version

    def response(self, request: Request) -> Response:
        """200 with the document, or 304 where the asker has it."""
        etag = tag(self.body, self.version)
        headers = {**PRIVATE, "ETag": etag, POSITION: self.position}
        if self.version is not None:
            headers[VERSION] = str(self.version)
        if _has(request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        return Response(self.body, 200, headers, JSON)


def encoded(document: Document) -> bytes:
    """The document as JSON bytes."""
    serializer = type(document).__pydantic_serializer__
    body: bytes = serializer.to_json(document, by_alias=True, exclude_unset=True)
    return body


def tag(body: bytes, version: int | None = None) -> str:
    """The ETag of an answer: the version of its stream, if it has one, and a hash of its bytes.
    `If-Match` reads the version alone."""
    digest = hashlib.blake2b(body, digest_size=9).hexdigest()
    return f'"{digest}"' if version is None else f'"{version}.{digest}"'


def _has(given: str | None, etag: str) -> bool:
    """Whether an `If-None-Match` names the tag; weak and strong are the same for that."""
    if given is None:
        return False
    named = {each.strip().removeprefix("W/") for each in given.split(",")}
    return etag in named or "*" in named


def _sparse(document: Document, fields: str, of_rows: bool) -> bytes:
    """The document with some fields of its rows, or of itself."""
    rows, model = rows_of(type(document)) if of_rows else (None, type(document))
    wanted = [each.strip() for each in fields.split(",") if each.strip()]
    known = {info.alias or name for name, info in model.model_fields.items()}
    unknown = [each for each in wanted if each not in known]
    if unknown or not wanted:
        named = unknown[0] if unknown else ""
        raise Problem(
            422,
            "invalid",
            f"fields: there is no field {named!r}; there are {', '.join(sorted(known))}",
        )
    plain = document.plain()
    if rows is None:
        return orjson.dumps(_only(plain, wanted), option=orjson.OPT_NON_STR_KEYS)
    plain[rows] = [_only(row, wanted) for row in plain[rows]]
    return orjson.dumps(plain, option=orjson.OPT_NON_STR_KEYS)


def _only(values: dict[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
    return {name: values[name] for name in wanted if name in values}


def rows_of(model: type[Document]) -> tuple[str | None, type[Document]]:
    """The field that holds a document's rows, and their model; None and the document's own where it
    has none."""
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is list:
            [row] = get_args(field.annotation)
            if isinstance(row, type) and issubclass(row, Document):
                return name, row
    return None, model
