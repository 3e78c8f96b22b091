"""The page of the API lists every operation that the service describes, with what it says of it."""

import re
from collections.abc import Iterator
from typing import Any

from tests.docs.pages import DOCS

PAGE = DOCS / "reference" / "api.md"


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    """Tag, method, path, name and first sentence of each operation."""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            said = " ".join(operation["description"].split("\n\n")[0].split())
            name = operation["operationId"]
            yield (
                operation["tags"][0],
                method.upper(),
                path.removeprefix("/api/v1"),
                name,
                said.split(". ")[0].rstrip("."),
            )


def test_every_operation_is_listed_and_no_other(description: dict[str, Any]) -> None:
    listed = re.findall(r"^\| `([A-Z]+) (/\S*)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert listed, PAGE
    assert set(listed) == {(method, path, said) for _, method, path, _, said in operations(description)}


def test_operations_have_names_of_their_own_and_say_what_they_do(description: dict[str, Any]) -> None:
    found = list(operations(description))
    names = [name for _, _, _, name, _ in found]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
    assert all(len(said) > 10 for *_, said in found)


def test_every_operation_describes_its_errors_in_the_one_shape(description: dict[str, Any]) -> None:
    for path, methods in description["paths"].items():
        if not path.startswith("/api/"):
            continue
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    schema = answer["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/ErrorBody"}, (method, path, status)
