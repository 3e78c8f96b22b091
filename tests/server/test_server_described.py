"""The API's description as a stranger reads it."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

JSON = "application/json"


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def examples(body: dict[str, Any]) -> list[Any]:
    given = [body["example"]] if "example" in body else []
    return [*given, *(one["value"] for one in body.get("examples", {}).values())]


async def test_each_operation_is_named_once_and_says_what_it_does_and_takes(description: dict[str, Any]) -> None:
    found = dict(operations(description))
    assert len({operation["operationId"] for operation in found.values()}) == len(found) > 100
    for name, operation in found.items():
        assert operation["description"] and operation["tags"], name
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), (name, parameter["name"])


async def test_each_body_has_an_example_that_is_right(description: dict[str, Any]) -> None:
    for name, operation in operations(description):
        for what, body in (("request", operation.get("requestBody", {})), *operation["responses"].items()):
            if (told := body.get("content", {}).get(JSON)) is None:
                continue
            right = jsonschema_rs.validator_for({**told["schema"], "components": description["components"]})
            assert examples(told), f"{name}, {what}: give its value in server/examples_rest.py or examples_work.py"
            for one in examples(told):
                assert [error.message for error in right.iter_errors(one)] == [], (name, what)


async def test_each_error_is_described_in_the_one_shape(description: dict[str, Any]) -> None:
    errors = [
        (name, status, answer["content"][JSON]["schema"])
        for name, operation in operations(description)
        for status, answer in operation["responses"].items()
        if status >= "4" and not name.endswith(("/healthz", "/readyz"))
    ]
    assert len(errors) > 500
    assert {schema["$ref"] for _, _, schema in errors} == {"#/components/schemas/ErrorBody"}
