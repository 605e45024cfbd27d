"""The OpenAPI 3.1 document, as plain data."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from dva_agent.protocol import HERE, PROTOCOL, PROTOCOL_HEADER, ROOT, Message, Problem

from server import request_id
from server.config import VERSION
from server.openapi.operations import OPERATIONS, Operation
from server.refusals import Refusal

Json = dict[str, Any]

REF = "#/components/schemas/{name}"
WAITING = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
"""Answers that say when to come back."""

_PARAMETERS: dict[str, Json] = {
    "bundle": {"pattern": "^[0-9a-f]{32}$"},
    "device": {"pattern": "^[0-9a-f]{32}$"},
    "lease": {"pattern": "^[0-9a-f]{32}$"},
    "name": {"pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$"},
    "path": {"minLength": 1},
    "pool": {"pattern": "^[0-9a-z][0-9a-z_-]{0,39}$"},
    "unit": {"pattern": "^u[0-9]{1,18}-[0-9]{1,9}$"},
}
"""What goes into a path, as JSON Schemas of strings."""

_QUERY: dict[str, Json] = {
    "after": {"minimum": 0, "maximum": 10**15 - 1},
    "epoch": {"minimum": 0, "maximum": 10**9 - 1},
}
"""What an address may carry after its path, as JSON Schemas of integers."""

_REQUEST_ID: Json = {
    "description": "Names the request in the server's log. A client's own is taken over.",
    "schema": {"type": "string", "pattern": f"^{request_id.SHAPE}$"},
}


def document() -> Json:
    """Everything under ROOT."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "DVA",
            "version": VERSION,
            "summary": "Leases of image-caption pairs to score, and their results.",
            "description": "docs/protocol.md says how these fit together.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": ROOT}],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "device": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of a Device: POST /devices gives it.",
                }
            },
        },
    }


def _paths() -> Json:
    made: Json = {}
    for operation in OPERATIONS:
        made.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return made


def _schemas() -> Json:
    used = [kind for each in OPERATIONS for kind in (each.body, each.answer) if kind]
    _, schemas = msgspec.json.schema_components([*used, Problem], ref_template=REF)
    for schema in schemas.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    return schemas


def _operation(operation: Operation) -> Json:
    made: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": list(_parameters(operation)),
        "responses": _responses(operation),
    }
    if operation.body:
        content = {"application/json": {"schema": _ref(operation.body)}}
        made["requestBody"] = {"required": True, "content": content}
    if operation.signed_in:
        made["security"] = [{"device": []}]
    return made


def _parameters(operation: Operation) -> Iterable[Json]:
    for name in re.findall(r"\{(\w+)\}", operation.path):
        schema = {"type": "string", **_PARAMETERS[name]}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for name in operation.query:
        yield {"name": name, "in": "query", "schema": {"type": "integer", **_QUERY[name]}}
    if operation.elsewhere:
        yield {
            "name": HERE,
            "in": "query",
            "description": "The server itself is to send it.",
            "schema": {"type": "string"},
        }
    yield {
        "name": PROTOCOL_HEADER,
        "in": "header",
        "description": "The protocol that the client speaks.",
        "schema": {"type": "string", "enum": [str(PROTOCOL)]},
    }
    yield {"name": request_id.HEADER, "in": "header", **_REQUEST_ID}
    if operation.ranges:
        yield {
            "name": "Range",
            "in": "header",
            "description": "One range of bytes.",
            "schema": {"type": "string"},
        }


def _responses(operation: Operation) -> Json:
    made: Json = {str(int(operation.status)): _success(operation)}
    if operation.ranges:
        made["206"] = {**_success(operation), "description": "The range that was asked for."}
        made["304"] = {"description": "The client has it already."}
    if operation.elsewhere:
        made["307"] = {
            "description": "Where else it is, for some minutes.",
            "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
        }
    by_status: dict[HTTPStatus, list[type[Refusal]]] = {}
    for kind in operation.all_refusals():
        by_status.setdefault(kind.status, []).append(kind)
    for status, kinds in by_status.items():
        made[str(int(status))] = _refusal(status, kinds)
    for response in made.values():
        response["headers"] = {**response.get("headers", {}), request_id.HEADER: _REQUEST_ID}
    return dict(sorted(made.items()))


def _success(operation: Operation) -> Json:
    made: Json = {"description": operation.status.phrase}
    if operation.answer:
        made["content"] = {"application/json": {"schema": _ref(operation.answer)}}
    elif operation.other:
        made["content"] = {"application/json": {"schema": {"type": "object"}}}
    elif operation.file:
        made["content"] = {operation.file: {}}
    return made


def _refusal(status: HTTPStatus, kinds: list[type[Refusal]]) -> Json:
    codes = sorted({code for kind in kinds for code in kind.codes()})
    schema = {
        "allOf": [
            {"$ref": REF.format(name="Problem")},
            {"type": "object", "properties": {"code": {"enum": codes}}},
        ]
    }
    made: Json = {
        "description": status.phrase,
        "content": {"application/problem+json": {"schema": schema}},
    }
    if status in WAITING:
        made["headers"] = {"Retry-After": _header("Seconds to wait.", {"type": "integer"})}
    if status == HTTPStatus.UNAUTHORIZED:
        made["headers"] = {"WWW-Authenticate": _header("Bearer.", {"type": "string"})}
    return made


def _header(description: str, schema: Json) -> Json:
    return {"description": description, "required": True, "schema": schema}


def _ref(kind: type[Message]) -> Json:
    return {"$ref": REF.format(name=kind.__name__)}
