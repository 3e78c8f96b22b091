"""The programmatic checks that an AGENTS.md tells to run.

Conservative, since what is found is run: a command must be known as a check, or be called one in so many words; and
nothing that installs, serves, watches, rewrites files or is an example of running a single test is taken. Everything
that is known about words and commands is in the tables at the top.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_WORDS = re.IGNORECASE

ABOUT_CHECKS = re.compile(
    r"\b(tests?|tested|testing|lint(s|er|ers|ing)?|type[- ]?check\w*|typing|static analysis|format(ting)? checks?"
    r"|checks?|checked|checking|verif\w+|validat\w+|pass(es|ing)?|green|succeeds?|clean|quality|pre-?commit|ci"
    r"|before (you )?(commit|push|submit|finish|open|creat|mark|hand|conclud|end)\w*"
    r"|(when|once|after) (you('re| are| have)? )?(done|finish\w*|mak\w+ (any )?(code )?changes?))\b",
    _WORDS,
)
"""A sentence, a comment or a heading that speaks of checks."""

HEADING_OF_CHECKS = re.compile(
    r"\b(tests?|testing|checks?|lint(ing)?|verif\w+|validat\w+|type[- ]?check\w*|quality|ci|pre-?commit"
    r"|definition of done|before (you )?\w+|acceptance)\b",
    _WORDS,
)
HEADING_OF_COMMANDS = re.compile(
    r"\b(commands?|scripts?|develop(ment|ing)?|workflow|contribut\w+|build(ing)?|cheat ?sheet|tooling|tasks?|usage)\b",
    _WORDS,
)
HEADING_OF_OTHER = re.compile(
    r"\b(install\w*|set-?up|setup|getting started|prerequisites?|requirements?|deploy\w*|releas\w+|publish\w*|server"
    r"|running the app\w*|run locally|troubleshoot\w*|debug\w*|benchmark\w*|migrat\w+)\b",
    _WORDS,
)

NOT_BEFORE = re.compile(
    r"\b(don['’]t|doesn['’]t|never|avoid|no need|needn['’]t|cannot|can['’]t"
    r"|instead of|rather than|not|unless|only (if|when|in|on)|deprecated|used to"
    r"|if|when(ever)?(?! (you('re| are| have)? )?(done|finish)\w*)|for (changes|edits) (to|in|under)"
    r"|after (?!(any|your|all|the|code|every|each|making|these|those|big|small)\b)\w+ (changes|updates|edits))\b",
    _WORDS,
)
"""Ahead of a command in its sentence: it is not to be run, or not always."""

NOT_ANYWHERE = re.compile(
    r"\b(single|one (specific |particular )?test|specific|individual|particular|subset|focused|for example|e\.g|such as"
    r"|optional(ly)?|slow|expensive|takes? (a )?(very )?long|nightly|manual(ly)?|debug\w*|watch(es|ing)?|watch mode"
    r"|legacy|benchmarks?|snapshots?|auto-?fix\w*|fixes|network access|credentials|coverage report)\b",
    _WORDS,
)
OTHERWISE = re.compile(r"\b(or|alternatively)\W*$", _WORDS)
"""Right before a command: another way of what was said already."""

NAMES_TO_RUN = re.compile(r"\b(run|runs|running|execut\w+|verify|validate|check|ensure|sure|passes|pass)\b", _WORDS)
LABEL = re.compile(
    r"^\W*(((run|all|unit) )*(tests?|testing|lint\w*|type[- ]?check\w*|types|checks?|verify))\W*$", _WORDS
)
"""A tool's bare name is a command only behind one of these; else it is just spoken of."""

TELLS_TO_RUN = re.compile(
    r"\b(run|runs|running|execute|invoke|use|using|with|via|call)\W*(the (script|command|target) )?$", _WORDS
)
TELLS_IT_PASSES = re.compile(
    r"^\W*((and \x00\d+\x00 )?(must|should|has to|have to|needs? to) ((all|both|always) )?(pass|succeed|exit|be green)"
    r"|passes)\b",
    _WORDS,
)

_RUNNERS = re.compile(
    r"^(\w+=(\"[^\"]*\"|'[^']*'|\S*)\s+"
    r"|(uv|poetry|pipenv|hatch|pdm|rye|pixi) run\s+(--?[\w-]+(=\S+)?\s+)*|bundle exec\s+|(npx|bunx)\s+(--?[\w-]+\s+)*"
    r"|(pnpm|yarn) (exec|dlx)\s+|python[\d.]*\s+-m\s+|(\./)?\.?venv/bin/(python[\d.]* -m )?|(\./)?node_modules/\.bin/"
    r"|time\s+|xvfb-run\s+(-a\s+)?|dotenv\s+--\s+)"
)
"""What stands ahead of a command without changing what kind it is."""

_GOAL = (
    r"([A-Za-z0-9]+[:._/-])*"
    r"(tests?|unittests?|checks?|lint|typecheck|types|verify|validate|specs?|ci|vet|qa"
    r"|clippy|mypy|ruff|pyright|pytest|eslint|markdownlint|tsc|jest|vitest)"
    r"([:._-][A-Za-z0-9]+)*(?=\s|$)"
)
"""A target, script or task whose name has a part that stands for checking."""

_SCRIPTS = r"(npm|pnpm|yarn|bun)( -[\w=./@-]+( (?!run )[^\s-]\S*(?= \S))?| workspace \S+)*"
_TARGETS = r"(make|gmake|just|task|mage|rake|invoke|inv|doit|earthly)( -\w+( [^\s-]\S*(?= \S))?)*"
_INTERPRETERS = r"(bash|sh|zsh|python[\d.]*) (\./)?([\w.-]+/)*"
_FOLDERS = r"(?!\S+\.(py|js|ts|md|json|ya?ml|toml|txt)\b)(scripts?|bin|tools|dev|hack|\.?ci)/([\w.-]+/)*"
_ENVIRONMENTS = r"(uv|poetry|pipenv|hatch|pdm|rye|pixi)( run)?( -e \S+)?"

CHECKS = tuple(
    re.compile(pattern)
    for pattern in (
        # Python
        r"(pytest|py\.test|tox|nox|unittest|behave|nosetests|stestr|trial|doctest|coverage run)(?=\s|$)",
        r"(ruff check|ruff format .*--(check|diff)|black .*--(check|diff)|isort .*--(check|check-only|diff))(?=\s|$)",
        r"(flake8|mypy|pyright|basedpyright|pyre check|ty check|lint-imports)(?=\s|$)",
        r"(pylint|bandit|vulture|pydocstyle|eslint|stylelint|tslint) \S",
        r"(python[\d.]* )?(\./)?manage\.py (test|check)(?=\s|$)",
        r"(python[\d.]* )?(\./)?runtests?\.py\b",
        # JavaScript
        rf"{_SCRIPTS} (run )?{_GOAL}",
        r"(npm|pnpm|yarn) t(\s|$)",
        r"(jest|vitest|mocha|ava|karma start .*--single-run|cypress run|playwright test|c8|nyc)(?=\s|$)",
        r"(oxlint|tsc|vue-tsc|svelte-check|knip)(?=\s|$)",
        r"(prettier .*(--check|-c)|biome (check|ci|lint))(?=\s|$)",
        r"(deno (test|lint|check|fmt --check)|node --test|turbo (run )?(test|lint|typecheck|check))(?=\s|$)",
        r"nx (run-many|affected|test|lint)(?=\s|$)",
        # compiled languages
        r"(go (test|vet)|golangci-lint run|staticcheck|gofmt -[ld]|gotestsum|revive)(?=\s|$)",
        r"cargo (\+\w+ )?(test|check|clippy|nextest run|fmt .*--check|deny check)(?=\s|$)",
        r"(\./)?mvnw?( -\S+)* .*\b(test|verify|check)(?=\s|$)",
        rf"(\./)?gradlew?( -\S+)* (:?[\w-]+:)*({_GOAL}|build(\s|$))",
        r"(ctest|meson test|ninja (-C \S+ )?(test|check))(?=\s|$)",
        r"(dotnet test|dotnet format .*--verify-no-changes|swift test|swiftlint|xcodebuild .*\btest)(?=\s|$)",
        r"(sbt .*\btest|(stack|cabal|lein|dune|zig|zig build) test|dune runtest|R CMD check)(?=\s|$)",
        # others
        r"(rspec|rubocop|(bin/)?rails test|mix (test|credo|dialyzer)|composer (run )?(test|lint|check)\S*)(?=\s|$)",
        r"(\./)?(vendor/bin/)?(phpunit|phpstan|psalm|pest)(?=\s|$)",
        r"(flutter (test|analyze)|dart (test|analyze|format .*--set-exit-if-changed))(?=\s|$)",
        r"(shellcheck|hadolint|yamllint|markdownlint\S*) \S",
        r"(actionlint|terraform (validate|fmt -check)|tflint|buf lint)(?=\s|$)",
        # what runs others
        r"(pre-commit run|(bazel|bazelisk|buck2?|(\./)?pants) (test|check|lint))(?=\s|$)",
        rf"{_TARGETS} \+?{_GOAL}",
        rf"{_ENVIRONMENTS} {_GOAL}",
        rf"{_INTERPRETERS}{_GOAL}",
        rf"(\./([\w.-]+/)*|{_FOLDERS}){_GOAL}",
    )
)
"""Commands whose exit says whether the work is right, without what `_RUNNERS` takes off."""

BUILDS = re.compile(
    r"((npm|pnpm|yarn|bun)( -r)?( run)? build|(cargo|go|swift|dotnet|zig) build|(make|just|task) (build|all)|tsc -b)"
    r"(?=\s|$)"
)
"""Commands that are checks only where the text calls them so."""

NEVER = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(install|uninstall|add|sync|bootstrap|upgrade|update|init|clone|login|publish|deploy|release|migrate)\b(?!\S)",
        r"^(npm|pnpm|yarn|bun) (ci|i)(\s|$)",
        r"^(git|sudo|apt|apt-get|brew|curl|wget|docker|podman|kubectl|ssh|rm|source|export|conda|pip|pip3|gh|open)\b",
        r"(?<![\w/.-])(dev|start|serve|server|preview|runserver|storybook|watch)(?![\w/.-])",
        r"(^|\s)(--watch\w*|--fix\w*|--write|--in-place|--ui|--headed|--debug|--pdb|--snapshot-update|-u)(\s|=|$)",
        r"\b[\w-]*:(fix|watch|write|update|dev|ui|debug|bench\w*)\b",
        r"\.(ps1|bat|cmd|exe)(\s|$)",
        r"^(make|just|task|npm run|yarn|pnpm)\b.*\b(fix|format|fmt|clean|docs?|watch)\b(?!-?check)",
    )
)
PLACEHOLDER = re.compile(
    r"<[\w ./-]+>|(?<!/)\.\.\.(?!\S)|…|\bpath/to\b|\{[\w ]+\}|\$\{?\w|\[[\w -]+\]$|::|(^|\s)(-k|-run|-t|--grep)(\s|=|$)"
    r"|^(cargo|(\./)?gradlew?|(\./)?mvnw?) .*(--tests?\s|-Dtest)"
    r"|\b(NAME|FILE|TEST_NAME|PATH|PATTERN|TARGET|MODULE|PACKAGE|foo|bar|baz|example|my_?test|test_?name)\b"
)
"""A command to be filled in, or an example of running one test."""

_LINE, _PARAGRAPH, _COMMAND = 1_000, 3_000, 300  # characters that are read; the file may have been made to take long
_SHELL_LANGUAGES = ("", "bash", "sh", "shell", "console", "zsh", "terminal", "shell-session", "shellscript", "text")
_SCRIPT = re.compile(r"(\./|\.\\|(bash|sh|python[\d.]*) (?!-)|[\w.-]+/)[\w./-]+")
_CODE = re.compile(r"(`+)\s*(.+?)\s*\1")
_HELD = re.compile(r"\x00(\d+)\x00")
_FENCE = re.compile(r"\s*(?:[-*+]\s+|\d+[.)]\s+)?(`{3,}|~{3,})\s*([\w-]*).*")
_HEADING = re.compile(r"\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*")
_ITEM = re.compile(r"(\s*)(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(.*)")
_SENTENCE = re.compile(r"(?<=[.!?;])[*_]*\s+(?=[A-Z\x00*_\"(]|then\b|if\b|when\b|do\b|don)")
_FOLDER = re.compile(r"\b(?:in|from|inside|within|under)(?: the)? \x00(\d+)\x00(?: (?:directory|folder|package|dir))?")
"""Where a command is to be run, if the code is a path."""


def commands(text: str) -> tuple[str, ...]:
    """The checks that `text` tells to run, each once, in its order; in a subfolder as `cd folder && command`."""
    page = _Page()
    for line in text.replace("\r\n", "\n").split("\n"):
        page.take(line[:_LINE])
    page.end_paragraph()
    return tuple(dict.fromkeys(page.found))


@dataclass(slots=True)
class _Page:
    """A Markdown text, read line by line.

    `lead` is the sentence that ends in a colon ahead of a list or a block, for whose items it speaks too.
    """

    found: list[str] = field(default_factory=list[str])
    headings: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    paragraph: list[str] = field(default_factory=list[str])
    indent: int | None = None  # of the list item that `paragraph` is; None for running text
    lead: str = ""
    lead_indent: int = -1
    last: str = ""  # the last paragraph, which a block may belong to
    fence: tuple[str, str] | None = None
    block: list[str] = field(default_factory=list[str])

    def take(self, line: str) -> None:
        if self.fence is not None:
            mark, language = self.fence
            if line.strip().startswith(mark) and not line.strip().strip(mark[0]):
                self.found.extend(self.of_block(language))
                self.fence, self.block = None, []
            else:
                self.block.append(line)
        elif fence := _FENCE.fullmatch(line):
            self.end_paragraph()
            self.fence = fence[1], fence[2].lower()
        elif heading := _HEADING.fullmatch(line):
            self.end_paragraph()
            self.headings = [each for each in self.headings if each[0] < len(heading[1])]
            self.headings.append((len(heading[1]), heading[2]))
            self.lead = self.last = ""
        elif not line.strip():
            self.end_paragraph()
        elif item := _ITEM.fullmatch(line):
            self.end_paragraph()
            self.indent, self.paragraph = len(item[1].expandtabs()), [item[2]]
        elif line.lstrip().startswith("|"):
            self.end_paragraph()
            self.paragraph = [line]
            self.end_paragraph()
        else:
            self.paragraph.append(line)

    def end_paragraph(self) -> None:
        """Read the paragraph that was gathered."""
        if not self.paragraph:
            return
        text = " ".join(line.strip() for line in self.paragraph)[:_PARAGRAPH]
        if self.indent is None or self.indent <= self.lead_indent:
            self.lead = ""
        codes: list[str] = []

        def hold(code: re.Match[str]) -> str:
            codes.append(code[2].removeprefix("$ "))
            return f"\x00{len(codes) - 1}\x00"

        held = _CODE.sub(hold, text)
        for sentence in _SENTENCE.split(held):
            self.found.extend(self.of_sentence(sentence, codes))
        self.last = _HELD.sub("it", held)
        if text.rstrip("*_ ").endswith(":"):
            self.lead, self.lead_indent = self.last, -1 if self.indent is None else self.indent
        self.paragraph, self.indent = [], None

    def about(self) -> str:
        """What the nearest heading that says something is about: "checks", "commands", "other" or ""."""
        for _, heading in reversed(self.headings):
            if HEADING_OF_CHECKS.search(heading):
                return "checks"
            if HEADING_OF_OTHER.search(heading):
                return "other"
            if HEADING_OF_COMMANDS.search(heading):
                return "commands"
        return ""

    def of_sentence(self, sentence: str, codes: list[str]) -> Iterable[str]:
        lead = "" if self.indent is None else self.lead
        words = _HELD.sub(" ", sentence)
        if NOT_ANYWHERE.search(words) or NOT_ANYWHERE.search(lead) or NOT_BEFORE.search(lead):
            return
        cue = bool(ABOUT_CHECKS.search(words) or ABOUT_CHECKS.search(lead))
        about = self.about()
        if not cue and about not in ("checks", "commands"):
            return
        folder = self.folder(sentence, codes)
        for held in _HELD.finditer(sentence):
            before, after = sentence[: held.start()], sentence[held.end() :]
            command = codes[int(held[1])]
            if NOT_BEFORE.search(before) or OTHERWISE.search(before):
                continue
            told = TELLS_TO_RUN.search(before) is not None or TELLS_IT_PASSES.match(after) is not None
            called = cue and (told or TELLS_TO_RUN.search(lead.rstrip(":* ")) is not None)
            if _SCRIPT.fullmatch(command) is None and " " not in command:
                passes = TELLS_IT_PASSES.match(after) is not None
                if not (passes or NAMES_TO_RUN.search(f"{lead} {before}") or LABEL.match(before)):
                    continue
            yield from _runnable(command, folder, called=called)

    def folder(self, sentence: str, codes: list[str]) -> str:
        found = _FOLDER.search(sentence)
        if found is None:
            return ""
        code = codes[int(found[1])]
        named = code.endswith("/") or found[0].rstrip().endswith(("directory", "folder", "package", "dir"))
        return code.rstrip("/") if named and re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", code) else ""

    def of_block(self, language: str) -> Iterable[str]:
        about = self.about()
        context = self.last if self.last.rstrip("*_ ").endswith(":") or about != "checks" else ""
        if language not in _SHELL_LANGUAGES or NOT_BEFORE.search(context) or NOT_ANYWHERE.search(context):
            return
        cue = bool(ABOUT_CHECKS.search(context))
        folder = comment = ""
        lines = "\n".join(self.block).replace("\\\n", " ").split("\n")
        if any("<<" in line for line in lines):
            return
        prompts = any(line.lstrip().startswith("$ ") for line in lines)
        for line in lines:
            command = line.strip()
            if not command:
                comment = ""
            elif command.startswith("#"):
                comment = command
            elif prompts and not command.startswith("$ "):
                continue
            else:
                command, _, remark = command.removeprefix("$ ").partition(" #")
                command = " ".join(command.split())
                if moved := re.fullmatch(r"cd ([\w./-]+)", command):
                    folder = "" if moved[1].startswith("..") else moved[1].rstrip("/")
                    continue
                said = f"{comment} {remark}"
                if NOT_ANYWHERE.search(said) or NOT_BEFORE.search(said):
                    continue
                if cue or about in ("checks", "commands") or ABOUT_CHECKS.search(said):
                    yield from _runnable(command, folder, called=cue or bool(ABOUT_CHECKS.search(said)))


def _runnable(command: str, folder: str, *, called: bool) -> Iterable[str]:
    """`command` if it is a check; `called` says that the text calls it one, so that an unknown script is taken too."""
    if len(command) > _COMMAND or PLACEHOLDER.search(command):
        return
    parts = [part.strip() for part in re.split(r"&&", command)]
    kinds = [_kind(part) for part in parts]
    if "never" in kinds:
        parts = [part for part, kind in zip(parts, kinds, strict=True) if kind in ("check", "build", "cd")]
        kinds = [kind for kind in kinds if kind in ("check", "build", "cd")]
    script = called and len(parts) == 1 and kinds == [""] and _SCRIPT.fullmatch(parts[0].split(" -")[0].strip())
    if script and not parts[0].startswith("./") and " " not in parts[0]:
        script = None  # a path in passing, not a command
    built = called and "build" in kinds
    if "check" in kinds or built or script:
        whole = " && ".join(parts)
        yield f"cd {folder} && {whole}" if folder and folder != "." else whole


def _kind(command: str) -> str:
    """ "check", "build", "never", "cd" (a change of folder) or "" for anything else."""
    bare = command
    while taken := _RUNNERS.match(bare):
        bare = bare[taken.end() :]
    if re.fullmatch(r"cd [\w./-]+", bare):
        return "cd"
    if any(pattern.search(bare) for pattern in NEVER) or any(character in bare for character in ";|`"):
        return "never"
    if any(pattern.match(bare) or pattern.match(command) for pattern in CHECKS):
        return "check"
    return "build" if BUILDS.match(bare) else ""
