"""What the service says to people has a name, and the page can say all of it in its languages."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from journeyman.core import summary
from journeyman.core.sentences import recognised, sentences
from journeyman.server.views import choice
from tests.web.conftest import ROOT

SOURCE = ROOT / "src" / "journeyman"
RAISED = (
    "server/**/*.py",
    "engine/connection.py",
    "engine/submission.py",
    "attempt/budget.py",
    "attempt/clones.py",
    "attempt/environment/*.py",
    "attempt/images.py",
    "attempt/prepare.py",
    "attempt/review.py",
    "core/environment_file.py",
    "core/keys.py",
    "forge/*.py",
    "models/wire/failures.py",
    "models/wire/http.py",
    "repo/repository.py",
    "sandbox/network/policy.py",
    "store/jobs.py",
    "store/lines.py",
    "store/people.py",
    "store/secrets.py",
    "store/tasks.py",
    "store/transfer.py",
    "store/turns.py",
)
"""Where what a person meets in the page is raised."""

TOLD = (
    "agent/limits.py",
    "attempt/budget.py",
    "attempt/environment/diagnose.py",
    "attempt/finish.py",
    "checks/citations.py",
    "checks/weakening.py",
    "core/quota.py",
    "engine/routes.py",
    "sandbox/left.py",
    "sandbox/network/policy.py",
    "server/forging.py",
    "server/publishing.py",
    "server/pulling.py",
    "server/views/worklog.py",
)
"""Where sentences are put together that are stored or shown and not raised."""

ERRORS = re.compile(
    r"(?:\w+Error|Taken|TooLong|Refused|Unreachable|WrongKey|RetryLater|BudgetSpent|EnvironmentFailed|_refused"
    r"|TokenRefused|NotAllowed|NoSuchRepository|Declined|AlreadyOpen|RateLimited|ForgeUnreachable)\Z"
)
OTHERS = ("ApplicationError", "CronSimError", "ToolError", "ValueError", "StoreError", "OSError", "SandboxError")
"""What no person reads, or only who looks after the machine, in the log."""
FIELD = re.compile(r"\{=?(\w+)\}")


def sample(node: ast.expr, known: dict[str, list[str]]) -> list[str]:
    """The texts that an expression may be, each with something in place of what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(str(part.value) if isinstance(part, ast.Constant) else "it" for part in parts)]
        case ast.Name(id=name):
            return known.get(name, [])
        case ast.IfExp(body=one, orelse=other):
            return [*sample(one, known), *sample(other, known)]
        case ast.Call(func=ast.Attribute(value=template, attr="format")):
            return [re.sub(r"\{[^}]*\}", "it", text) for text in sample(template, known)]
        case _:
            return []


def assigned(tree: ast.AST) -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            known.setdefault(node.targets[0].id, []).extend(sample(node.value, {}))
    return known


def raised(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    known = assigned(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        name = node.func.id
        if not ERRORS.match(name) or name in OTHERS:
            continue
        place = 2 if name == "ApiError" else 0
        if len(node.args) > place:
            yield from sample(node.args[place], known)


def told(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    inner |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant | ast.JoinedStr) or id(node) in inner:
            continue
        for text in sample(node, {}):
            said = re.sub(r"\{[^}]*\}", "it", text)
            if said.endswith(".") and len(said.split()) > 2 and not said.startswith((" ", "(")) and "\\" not in said:
                yield said


@pytest.mark.parametrize(("places", "found"), [(RAISED, raised), (TOLD, told)], ids=["raised", "told"])
def test_what_is_said_to_people_has_a_name(places: tuple[str, ...], found: Callable[[Path], Iterator[str]]) -> None:
    said = {
        (path.relative_to(SOURCE).as_posix(), text)
        for place in places
        for path in SOURCE.glob(place)
        for text in found(path)
    }
    assert len(said) > 20
    assert sorted(one for one in said if recognised(one[1]) is None) == []


def test_what_a_task_does_and_why_an_attempt_was_chosen_have_names() -> None:
    doing = [f"{word} it" if name in ("read", "search") else word for name, word in summary.DOING.items()]
    for said in [*doing, *summary.HEARD.values(), *choice.WORDS.values()]:
        assert recognised(said) is not None, said


def test_a_sentence_is_the_one_with_the_most_words() -> None:
    found = recognised("There is no task 'a b', or it is not yours to see.")
    assert found is not None and (found.name, found.values) == ("api.not_there", {"what": "task", "name": "'a b'"})
    assert recognised("The model's server said something.") is None
    taken = {name: recognised(FIELD.sub("it", text)) for name, text in sentences().items()}
    assert {name: one for name, one in taken.items() if one is None or one.name != name} == {}


def test_the_page_has_each_sentence_in_its_languages(web: ModuleType) -> None:
    assert web.SAID.read_text() == web.sentences(), "run scripts/web.py api: the service's sentences were changed"
    files = sorted((web.WEB / "src/i18n/zh/said").glob("*.ts"))
    chinese = [pair for file in files for pair in re.findall(r'^  ("[^"]+"): (".*"),$', file.read_text(), re.MULTILINE)]
    own = {ast.literal_eval(name): ast.literal_eval(text) for name, text in chinese}
    assert len(chinese) == len(own) and set(own) == set(sentences())
    for name, text in sentences().items():
        assert sorted(re.findall(r"\{=?\w+\}", own[name])) == sorted(re.findall(r"\{=?\w+\}", text)), name
        has_words = text != own[name] and re.search(r"[A-Za-z]{2}", FIELD.sub("", text))
        assert not has_words or re.search(r"[一-鿿]", own[name]), name


def acts(path: Path) -> Iterator[str]:
    """What a module has written into the audit log."""
    tree = ast.parse(path.read_text())
    known = assigned(tree)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("note", "_invite", "_begin")
        ):
            for argument in node.args[2:]:
                yield from (text for text in sample(argument, known) if re.fullmatch(r"sign-in|[a-z-]+\.[a-z]+", text))


def test_the_page_has_words_for_what_the_audit_log_names(web: ModuleType) -> None:
    wanted = {act for path in SOURCE.glob("server/**/*.py") for act in acts(path)}
    wanted.remove("task.it")  # named by its route
    assert {"sign-in", "token.created", "invitation.created", "password.reset"} <= wanted
    for language in ("en", "zh"):
        text = (web.WEB / "src" / "i18n" / language / "acts.ts").read_text()
        assert wanted - set(re.findall(r'^  "([^"]+)": ', text, re.MULTILINE)) == set(), language
