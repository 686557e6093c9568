"""How the operations are described to programs (OpenAPI)."""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from tea_shop.entrypoints.http.problems import MEDIA_TYPE, Problem
from tea_shop.entrypoints.http.routes.base import IF_MATCH

FORMATS = {"time": "time-local", "duration": "iso8601-duration"}


def operation_id(route: APIRoute) -> str:
    """Name an operation as `order_create`."""
    return f"{route.endpoint.__module__.rpartition('.')[2]}_{route.name}"


class Api(FastAPI):
    """Documents problem details as the answer to whatever fails."""

    def openapi(self) -> dict[str, Any]:
        """Describe the operations."""
        if self.openapi_schema:
            return self.openapi_schema
        text = json.dumps(super().openapi())
        schema: dict[str, Any] = json.loads(
            text, parse_float=_whole, object_hook=_named
        )
        self.openapi_schema = schema
        schemas = schema["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        reference = "#/components/schemas/{model}"
        described = Problem.model_json_schema(ref_template=reference)
        schemas |= {**described.pop("$defs"), "Problem": described}
        content = {MEDIA_TYPE: {"schema": {"$ref": reference.format(model="Problem")}}}
        failed = {"description": "It was not done.", "content": content}
        for path in schema["paths"].values():
            for operation in path.values():
                told = operation.get("description", operation["summary"])
                operation["summary"], _, operation["description"] = told.partition("\n")
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = failed
                for parameter in operation.get("parameters", ()):
                    if parameter["name"] == IF_MATCH:
                        parameter["required"] = True  # else the answer is 428
                body = operation.get("requestBody", {})
                for media in body.get("content", {}).values():
                    _complete(media, schemas)
        return schema


def _complete(media: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Put back into examples what FastAPI leaves out of them: what is None."""
    name = media["schema"].get("$ref", "").rpartition("/")[2]
    required = schemas.get(name, {}).get("required", ())
    for example in media.get("examples", {}).values():
        for field in required:
            example["value"].setdefault(field)


def _whole(number: str) -> float:
    """Write 2**63 as it is: with an exponent it is rounded, and more."""
    value = float(number)
    return int(value) if value.is_integer() else value


def _named(part: dict[str, Any]) -> dict[str, Any]:
    """Name a format as what it is: to JSON Schema a time has a zone, a duration no sign.

    What pydantic calls base64 has the alphabet of base64url (RFC 4648, section 5).
    """
    if part.get("type") == "string" and part.get("format") in FORMATS:
        part["format"] = FORMATS[part["format"]]
    if part.get("contentEncoding") == "base64":
        part["contentEncoding"] = "base64url"
    return part
