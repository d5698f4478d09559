"""Requests made from the OpenAPI document by schemathesis, all of whose checks the answers pass."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection

from ticketlog.domain.text import blank, shown

BREAKS = re.compile(r"[\r\n\t]")

FIT = ("2XX", "304", "401", "403", "404", "409", "422", "503")
"""What is asked as the contract says is done, or refused for who asks or for what there is: a team
that isn't there is 422, like a value that no request takes; `form_is_right` tells them apart."""
UNFIT = ("400", "401", "403", "404", "406", "408", "409", "413", "415", "416", "422", "503")
"""What the contract doesn't know is never done. It may be refused first for another reason: there
is no such ticket, or none for who asks."""
CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {
            "positive_data_acceptance": {"expected-statuses": list(FIT)},
            "negative_data_rejection": {"expected-statuses": list(UNFIT)},
        }
    }
)


LEFT_OUT = {"/api/v1/bulk": [negative_data_rejection]}
"""Path -> checks that are wrong there: each line of many commands has an outcome of its own, in an
answer that is 200."""


class FormRefusedError(AssertionError):
    """A request that the contract allows was refused for its form."""


def form_is_right(ctx: Any, response: Any, case: Any) -> None:
    """The check that a request which the contract allows isn't refused for its form: such a refusal
    tells in `errors` where it is wrong."""
    is_fit = case.meta is not None and case.meta.generation.mode.is_positive
    is_refused = response.status_code == 422 and "errors" in response.json()
    if is_fit and is_refused and _can_be_read(case.body) and _can_be_read(dict(case.query or {})):
        raise FormRefusedError(f"{case.operation.label}: {response.text}")


def _can_be_read(value: Any) -> bool:
    """Whether no text within holds a character that nobody can see: which of these a line may hold
    depends on those beside them, so that no pattern of a schema says it."""
    if isinstance(value, str):
        return shown(value, "") == value and not BREAKS.search(value) and not blank(value)
    if isinstance(value, dict):
        return all(map(_can_be_read, (*value.keys(), *value.values())))
    return all(map(_can_be_read, value)) if isinstance(value, list) else True


def tried(
    app: Any,
    headers: dict[str, str],
    wanted: Callable[[str], bool],
    number: int,
    examples: int,
) -> int:
    """Tries each operation whose path is wanted with some requests as the contract allows, and some
    that it doesn't; the number of requests. `number`: where chance begins."""
    schema: Any = schemathesis.openapi.from_asgi("/openapi.json", app, config=CONFIG)
    count = 0
    for operation in _operations(schema, wanted):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if mode.is_negative and not _can_be_wrong(operation):
                continue

            @seed(number)
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                phases=(Phase.explicit, Phase.generate),
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def answers(case: Any) -> None:
                nonlocal count
                count += 1
                case.call_and_validate(
                    headers=headers,
                    additional_checks=[form_is_right],
                    excluded_checks=LEFT_OUT.get(case.operation.path, []),
                )

            answers()
    return count


def _operations(schema: Any, wanted: Callable[[str], bool]) -> Iterator[Any]:
    for result in schema.get_all_operations():
        operation = result.ok()
        if wanted(operation.path):
            yield operation


def _can_be_wrong(operation: Any) -> bool:
    """Whether there is anything in a request that can be other than the contract says."""
    return bool(operation.body or operation.query or operation.path_parameters)


@schemathesis.serializer("application/x-ndjson")
def _line(context: Any, value: Any) -> bytes:
    return json.dumps(value).encode()


@schemathesis.serializer("application/toml")
def _text(context: Any, value: Any) -> bytes:
    return str(value).encode("utf-8", "replace")
