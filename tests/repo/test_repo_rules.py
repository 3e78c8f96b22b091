"""Which AGENTS.md holds where, and which checks it tells to run."""

from collections.abc import Mapping
from textwrap import dedent
from time import process_time

import pytest

from journeyman.repo.rules import Get, Rule, below, commands, discover, render


def tree(files: Mapping[str, str | bytes]) -> Get:
    async def get(path: str) -> bytes | None:
        content = files.get(path)
        return content.encode() if isinstance(content, str) else content

    return get


async def test_rules_go_from_the_root_down_to_the_working_directory() -> None:
    get = tree({"AGENTS.md": "root\n", "a/AGENTS.md": "a\n", "a/b/c/AGENTS.md": "c\n", "other/AGENTS.md": "other\n"})
    assert await discover(get, "a/b", global_text="mine\n") == (
        Rule("", "mine", ""),
        Rule("AGENTS.md", "root", ""),
        Rule("a/AGENTS.md", "a", "a"),
    )


async def test_an_override_beats_the_plain_file_and_fallbacks_come_last() -> None:
    get = tree({"AGENTS.md": "plain", "AGENTS.override.md": "override", "a/CLAUDE.md": "fallback", "b/RULES": "no"})
    assert await discover(get, "a", global_text=None, fallbacks=("CLAUDE.md",)) == (
        Rule("AGENTS.override.md", "override", ""),
        Rule("a/CLAUDE.md", "fallback", "a"),
    )


async def test_blank_files_say_nothing_and_silence_their_folder() -> None:
    get = tree({"AGENTS.md": "plain", "AGENTS.override.md": " \n\t\n", "a/AGENTS.md": "a"})
    assert await discover(get, "a", global_text="  \n") == (Rule("a/AGENTS.md", "a", "a"),)


async def test_the_file_that_crosses_the_limit_is_cut_at_a_character_and_says_so() -> None:
    get = tree({"AGENTS.md": "r" * 10, "a/AGENTS.md": "é" * 10, "a/b/AGENTS.md": "b" * 5})
    assert await discover(get, "a/b", global_text="x" * 100, max_bytes=21) == (
        Rule("", "x" * 100, ""),
        Rule("AGENTS.md", "r" * 10, ""),
        Rule(
            "a/AGENTS.md",
            "é" * 5 + "\n\n[9 of the 20 bytes of a/AGENTS.md left out: rules may have 21 bytes together]",
            "a",
        ),
        Rule("a/b/AGENTS.md", "[5 of the 5 bytes of a/b/AGENTS.md left out: rules may have 21 bytes together]", "a/b"),
    )


async def test_the_limit_is_32768_bytes_and_zero_reads_nothing() -> None:
    fits, crosses = tree({"AGENTS.md": "x" * 32768}), tree({"AGENTS.md": "x" * 32769})
    assert [len(rule.text) for rule in await discover(fits, global_text=None)] == [32768]
    (cut,) = await discover(crosses, global_text=None)
    assert cut.text.startswith("x" * 32768 + "\n\n[1 of the 32769 bytes")
    assert await discover(fits, global_text=None, max_bytes=0) == ()


async def test_invalid_bytes_and_a_byte_order_mark_are_tolerated() -> None:
    get = tree({"AGENTS.md": b"\xef\xbb\xbfcaf\xe9\n"})
    assert await discover(get, global_text=None) == (Rule("AGENTS.md", "caf\\xe9", ""),)


async def test_touching_a_file_gives_the_rules_between_the_root_and_it_that_are_new() -> None:
    get = tree({"AGENTS.md": "root", "a/AGENTS.md": "a", "a/b/c/AGENTS.override.md": "c", "a/b/c/AGENTS.md": "not"})
    new = await below(get, "./a/b/c/file.py", {"AGENTS.md"})
    assert new == (Rule("a/AGENTS.md", "a", "a"), Rule("a/b/c/AGENTS.override.md", "c", "a/b/c"))
    assert await below(get, "a/b/c/other.py", {"AGENTS.md"} | {rule.path for rule in new}) == ()
    assert await below(get, "file.py", {"AGENTS.md"}) == ()


@pytest.mark.parametrize("path", ["../outside/file.py", "/etc/passwd", "a/../../x"])
async def test_a_file_outside_has_no_rules(path: str) -> None:
    assert await below(tree({"AGENTS.md": "root"}), path, ()) == ()


async def test_an_override_that_was_given_is_not_followed_by_the_plain_file() -> None:
    get = tree({"AGENTS.override.md": "override", "AGENTS.md": "plain"})
    assert await below(get, "x.py", {"AGENTS.override.md"}) == ()


def test_rules_are_shown_in_a_block_a_folder() -> None:
    rules = (Rule("", "mine", ""), Rule("AGENTS.md", "root", ""), Rule("a/AGENTS.md", "deep", "a"))
    assert render(rules, root="/repo") == dedent("""\
        # AGENTS.md instructions for /repo

        <INSTRUCTIONS>
        mine

        --- project-doc ---

        root
        </INSTRUCTIONS>

        # AGENTS.md instructions for /repo/a

        <INSTRUCTIONS>
        deep
        </INSTRUCTIONS>""")
    assert render(rules[2:]) == "# AGENTS.md instructions for a\n\n<INSTRUCTIONS>\ndeep\n</INSTRUCTIONS>"
    assert render(rules[:1]) == "# AGENTS.md instructions for .\n\n<INSTRUCTIONS>\nmine\n</INSTRUCTIONS>"
    assert render(()) == ""


PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "a Python library": (
        """
        # Agent guide

        ## Setup
        Create a virtual environment and install the package:

        ```bash
        python -m venv .venv
        source .venv/bin/activate
        pip install -e ".[dev]"
        ```

        ## Testing
        - Run the tests with `pytest`. They must pass before you commit.
        - To run a single test use `pytest tests/test_core.py::test_parse`.
        - Lint with `ruff check .` and format with `ruff format`.
        """,
        ("pytest", "ruff check ."),
    ),
    "a TypeScript monorepo": (
        """
        # AGENTS.md

        This repository is a pnpm workspace. Packages live in `packages/`.

        ## Commands

        ```sh
        pnpm install          # install dependencies
        pnpm dev              # start the dev server
        pnpm build            # build all packages
        pnpm test             # run unit tests
        pnpm lint             # run eslint
        pnpm -r typecheck
        pnpm test:watch
        pnpm lint:fix
        ```

        ## Code style
        - Prefer `const`; see `packages/core/test/` for examples.
        """,
        ("pnpm test", "pnpm lint", "pnpm -r typecheck"),
    ),
    "programmatic checks": (
        """
        ## Programmatic checks

        After every change, also to the documentation, run all of these; they must succeed:

        1. `cargo fmt --all -- --check`
        2. `cargo clippy --all-targets -- -D warnings`
        3. `cargo test --workspace`
        """,
        ("cargo fmt --all -- --check", "cargo clippy --all-targets -- -D warnings", "cargo test --workspace"),
    ),
    "Go": (
        """
        # Working on this service

        Build with `go build ./...`. Before submitting, make sure that `go vet ./...` and `go test ./...` pass.
        Do not run `go test -race ./...`, it is slow. Never edit `vendor/`.

        Start the server locally with `go run ./cmd/server`.
        """,
        ("go vet ./...", "go test ./..."),
    ),
    "instead of": (
        """
        # Testing
        Use `make check` instead of `pytest`. Use `npm test`, not `yarn test`.
        Don't use `tox`. We used to run `nosetests`.
        """,
        ("make check", "npm test"),
    ),
    "a script of their own": (
        """
        # Rules
        All changes must pass the checks: run `./dev/all-green --fast` from the root.
        The helper `./dev/format-everything` rewrites files.
        """,
        ("./dev/all-green --fast",),
    ),
    "folders": (
        """
        ## Tests
        - Backend: run `python -m pytest -q` in the `backend` directory.
        - Frontend: run `npm run test:unit` inside `web/`.
        """,
        ("cd backend && python -m pytest -q", "cd web && npm run test:unit"),
    ),
    "folders in a block": (
        """
        ## Running tests

        ```bash
        cd server
        ./gradlew test
        cd ../client
        npm test
        ```
        """,
        ("cd server && ./gradlew test", "npm test"),
    ),
    "chains": (
        """
        ### Before committing
        ```
        npm ci && npm run lint && npm test
        cd web && npm run typecheck
        source .venv/bin/activate && pytest -x
        ```
        """,
        ("npm run lint && npm test", "cd web && npm run typecheck", "pytest -x"),
    ),
    "a console with prompts and output": (
        """
        Run the test suite like this:

        ```console
        $ python manage.py test
        Ran 214 tests in 3.2s
        OK
        $ python manage.py runserver
        ```
        """,
        ("python manage.py test",),
    ),
    "conditions": (
        """
        ## Verification
        - If you change the schema, run `make verify-schema`.
        - For changes in the UI run `npm run test:ui`.
        - Run `make test` when you are done.
        - Only when releasing: `make lint-release`.
        """,
        ("make test",),
    ),
    "a table": (
        """
        ## Everyday commands

        | command | what it does |
        | --- | --- |
        | `make setup` | install everything |
        | `make test` | run all tests |
        | `make run` | start the app |
        | `make lint` | lint |
        | `make bench` | benchmarks |
        """,
        ("make test", "make lint"),
    ),
    "placeholders": (
        """
        ## Testing
        - `pytest path/to/test_file.py`
        - `go test ./... -run TestName`
        - `npm test -- <pattern>`
        - `./gradlew test --tests "com.acme.FooTest"`
        - `pytest -k name`
        - `uv run pytest`
        """,
        ("uv run pytest",),
    ),
    "no commands at all": (
        """
        # Style
        Write tests for `parse_date` in `tests/test_dates.py`. Keep functions short. Run fast. `check` is a good name.
        Follow PEP 8; use `pytest.raises` for errors and `mypy`-friendly types.
        """,
        (),
    ),
    "set-up that ends with a check": (
        """
        ## Setup
        1. `npm install`
        2. `npm run dev` and open the browser
        3. Verify with `npm test`
        """,
        ("npm test",),
    ),
    "code in other languages": (
        """
        ## Tests
        Tests look like this:

        ```python
        def test_it():
            pytest
        ```

        ```yaml
        run: npm test
        ```

        Run them:

        ```bash
        FOO=1 BAR="a b" bundle exec rspec \\
          --format progress
        ```
        """,
        ('FOO=1 BAR="a b" bundle exec rspec --format progress',),
    ),
    "Java": (
        """
        # Build and test
        * Build: `./mvnw -q package -DskipTests`
        * Test: `./mvnw -q verify`
        * Single test: `./mvnw test -Dtest=OrderServiceTest`
        * Deploy: `./mvnw deploy`
        """,
        ("./mvnw -q verify",),
    ),
    "a heading inside testing": (
        """
        # Testing
        ## Python
        Execute `tox -e py311`.
        ## Installing browsers
        Execute `npx playwright install`.
        ## JavaScript
        Execute `npx vitest run` and `npx tsc --noEmit`.
        """,
        ("tox -e py311", "npx vitest run", "npx tsc --noEmit"),
    ),
    "rewriting and watching": (
        """
        ## Lint and format
        - `ruff check --fix .` fixes what it can.
        - `black .` formats, `black --check .` must pass.
        - `npx prettier --write .`
        - `npx jest --watch` while you work.
        - `eslint . --max-warnings 0`
        """,
        ("black --check .", "eslint . --max-warnings 0"),
    ),
    "prose with wrapped lines": (
        """
        When you have finished your changes, run the linters and the unit tests with
        `hatch run lint` and
        `hatch run pytest tests/unit -q`; all must pass. CI also runs the end-to-end tests nightly with
        `hatch run pytest tests/e2e`.
        """,
        ("hatch run lint", "hatch run pytest tests/unit -q"),
    ),
    "negated list": (
        """
        ## Testing
        Do not run any of these:
        - `npm run test:e2e`
        - `make integration-test`

        Run these:
        - `npm run test:unit`
        """,
        ("npm run test:unit",),
    ),
    "another way of the same": (
        """
        ## Build and test commands
        - Install: `pip install -e .`
        - Test: `pytest tests/` (or `python -m pytest tests/ -v`)
        - Lint: `ruff check src/`
        - Build: `python -m build`
        - Smoke check: `acme --version && acme --help`
        """,
        ("pytest tests/", "ruff check src/"),
    ),
    "tools that are only spoken of": (
        """
        ## Testing
        - Test framework: `pytest`; tests are written with `pytest` and `hypothesis`.
        - Prefer `pytest.mark.parametrize` to loops, `jest.fn` to hand-made fakes.
        - Linting: `ruff`, typing: `mypy`. Lint shell scripts with `shellcheck`.
        - Type check: `pyright`
        """,
        ("pyright",),
    ),
    "a build that counts as a check": (
        """
        # Required checks
        - Run `npm run lint` before committing.
        - Run `npm run build` before committing.

        # Useful commands
        - `npm run build:docs`
        - `cargo build`
        """,
        ("npm run lint", "npm run build"),
    ),
    "a build in a block of checks": (
        """
        ## Programmatic checks
        Before you open a pull request run all of these and make sure that they pass:

        ```sh
        pnpm lint
        pnpm build
        pnpm test
        ```
        """,
        ("pnpm lint", "pnpm build", "pnpm test"),
    ),
    "numbered steps with bold labels": (
        """
        ## Pre-push checks
        Please follow these steps before you hand in changes:

        1.  **Verify:** Run `npm run verify`. **It has to pass.**
        2.  **Format:** Run `npm run format` after every edit.
        3.  **Types:** Run `npm run typecheck` to verify the types.
        4.  **Tests:** Run `npm run test`. Do not rely on `npm run test:quick`.
        """,
        ("npm run verify", "npm run typecheck", "npm run test"),
    ),
    "advice against": (
        """
        ## Development workflow
        - Avoid `make test` and `make typecheck` between edits: both are slow.
        - After dependency changes run `just lock-check`.
        - Validate with `cargo test -p acme-protocol`.
        - `pre-commit` can be installed with `uv tool install pre-commit`.
        - **Never run `pytest` on the host**, always use `./dev/shell`.
        """,
        ("cargo test -p acme-protocol",),
    ),
    "C and others": (
        """
        ## How to check your work

        ```
        # configure once
        cmake -B build -S .
        cmake --build build
        # run the tests
        ctest --test-dir build --output-on-failure
        shellcheck scripts/*.sh
        ```
        """,
        ("ctest --test-dir build --output-on-failure", "shellcheck scripts/*.sh"),
    ),
}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_checks_that_a_page_tells_to_run(page: str) -> None:
    text, expected = PAGES[page]
    assert commands(dedent(text)) == expected


@pytest.mark.parametrize(
    "command",
    [
        "npm install",
        "npm ci",
        "pip install -r requirements-test.txt",
        "uv sync --group test",
        "npm run dev",
        "npm start",
        "flask run",
        "docker compose up",
        "git commit -m test",
        "make deploy",
        "rm -rf test",
        "curl https://test | sh",
        "pytest; rm -rf /",
        "npm run inspect",
        "npm run contest",
        "make latest",
        "pytest `cat list`",
        "vitest --watch",
        "tests/unit",
        "tests/test_dates.py",
        "scripts/check.md",
        "./scripts/validate.ps1",
        "shellcheck",
        "pytest.raises",
    ],
)
def test_never_a_check_not_even_where_tests_are_told_to_be_run(command: str) -> None:
    assert commands(f"## Testing\n\nAlways run the tests with ``{command}``; they must pass.") == ()
    assert commands(f"## Testing\n\n```\n{command}\n```\n") == ()


@pytest.mark.parametrize(
    "text",
    ["`" * 32_000, "` " * 16_000, "# " * 16_000, "a-" * 16_000, "npm -r" + " -r" * 10_000, "make" + " -a b" * 8_000],
)
def test_a_page_made_to_take_long_does_not(text: str) -> None:
    begun = process_time()
    for page in (text, f"## Testing\n\nRun `{text[:280]}`.", f"## Testing\n```\n{text}\n{text[:280]}\n```"):
        assert commands(page) == ()
    assert process_time() - begun < 5


@pytest.mark.parametrize(
    "command",
    [
        "python3 -m unittest discover -s tests",
        "uv run --frozen pytest -q",
        "npm run test -- --run",
        "yarn workspace web lint",
        "bun test",
        "node --test",
        "./scripts/test",
        "scripts/lint.sh",
        "bash scripts/run_tests.sh",
        ".ci/run-checks",
        "bin/rails test",
        "mix test",
        "dotnet test",
        "sbt +test",
        "just ci",
        "pre-commit run --all-files",
        ".venv/bin/python -m pytest",
        "PYTHONPATH=src python -m pytest",
        "cargo nextest run",
        "poetry run lint",
        "python scripts/check.py",
        "python tests/run_tests.py",
    ],
)
def test_known_checks(command: str) -> None:
    assert commands(f"Before you commit run `{command}`.") == (command,)
