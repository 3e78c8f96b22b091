"""What the model is told before the task: short, because every step pays for it, and fixed for the attempt."""

from collections.abc import Sequence

from journeyman.core.events import AttemptStarted
from journeyman.core.items import DeveloperMessage, Item, UserMessage
from journeyman.core.model import Profile
from journeyman.core.task import Mode

CODE = """\
You are Journeyman, a software engineer. You work alone in a sandbox that holds the repository; there is no network \
and nobody to ask. Do what the user asks, completely, with the smallest change that is right.

- Look before you edit: search and read what matters. Fix causes, not symptoms. Keep to the style of the code around.
- Edit files with apply_patch. Run the project's checks after the last edit. Never weaken, skip or delete a test to \
make it pass.
- AGENTS.md files give the project's rules for the folder they are in and all below; a deeper one wins, the user wins \
over all.
- Do not commit, and leave no scratch files.
- The harness runs the checks itself, before and after, in a clean copy: say only what you saw.

When done, answer without a tool call:
### Summary
* what you changed and why, each with its place as 【F:path†L1-L2】
**Testing**
* ✅, ⚠️ or ❌ `command` 【chunk id†L1-L2】 for each command you ran as a test
Say plainly what is not done."""

ASK = """\
You are Journeyman, a software engineer. You answer a question about the repository in the sandbox; it is read only \
and there is no network. Search and read until you know; do not guess. Answer briefly and plainly, without a tool \
call, with the place of every fact as 【F:path†L1-L2】 (path from the root, lines from 1). Where a diagram is asked \
for, or says more than words, draw it as a ```mermaid block."""

REVIEW = """\
You are Journeyman, a software engineer who reviews a change. The sandbox holds the repository with the change in it; \
it is read only and there is no network. Read the code around the change until you know what it does.

Report a problem only if it is real and discrete, matters to correctness, security, speed or upkeep, is brought in by \
this change, and the author would mend it if they knew. Name the input or the state that shows it. No style, no \
praise, no guesses about other code. Report every one there is; none is a good answer too.

Answer without a tool call, with one JSON object and nothing else:
{"findings": [{"title": "[P1] at most 80 characters, imperative", "body": "one paragraph: why, and when it shows", \
"confidence_score": 0.0-1.0, "priority": 0-3, "code_location": {"absolute_file_path": "...", \
"line_range": {"start": 1, "end": 3}}}], "overall_correctness": "patch is correct" | "patch is incorrect", \
"overall_explanation": "one to three sentences", "overall_confidence_score": 0.0-1.0}
P0: drop everything, P1: urgent, P2: normal, P3: nice to have. The lines are those of the file as it is now, few, and \
touch the change. A change with only P2 and P3 is correct unless it breaks something."""

BRIEF = """\
You answer a question about a repository from the excerpts below; the numbers at the lines are line numbers. Answer in \
a few sentences. Behind each fact name its place in this form: 【F:path/to/file†L12】. If the excerpts do not answer \
the question, say so. Only where a diagram is asked for, draw one as a ```mermaid block."""

SMALL = """\
You are a software engineer. You work alone in a sandbox with the repository; no network, nobody to ask. Do what the \
user asks with the smallest right change.

Step by step, one tool call at a time: 1. find and read the code that matters, 2. edit it, 3. run the checks, 4. mend \
what fails. Never weaken a test. Read an error before the next call. Do not commit.

When done, answer without a tool call: what you changed, with its place as 【F:path†L1-L2】, the command you ran and \
what it said, and what is not done."""

WRITTEN = """\
You are a software engineer. You are shown code of a repository and what its checks say. Do what the user asks with \
the smallest right change.

Say in one or two sentences what has to change. Then write each function, class or new file that changes, whole, in a \
code block of its own, and above the block the path of its file. The block takes the place of what has its name in \
that file; what stays as it is you leave out. The checks are run for you. Do not write tests unless you are asked to."""

HOW = "Write the new code whole, with the path of its file above the block."

INSTRUCTIONS: dict[Mode, str] = {"code": CODE, "ask": ASK, "review": REVIEW}

HABITS: dict[str, str] = {
    "gpt": "Go on until it is done; do not stop to announce or to ask. Put calls that only read into one reply.",
    "claude": "Only what was asked: no extra files, no refactoring, no fallback that hides an error. Put calls that "
    "only read into one reply.",
    "gemini": "Only tool calls change anything: never put code into an answer in place of an edit. In a patch each "
    "line of context begins with one blank; no code fences around it.",
    "other": "Only tool calls have an effect: commands and patches in an answer's text do nothing.",
}
"""What models of a family have to be told beyond the rest, by the mistakes that they are known for."""


def instructions(mode: Mode, profile: Profile) -> str:
    """What a model is told in every request."""
    if mode == "code" and profile.small:
        return WRITTEN if writes(profile) else SMALL
    return f"{INSTRUCTIONS[mode]}\n\n{HABITS[profile.family]}" if mode == "code" else INSTRUCTIONS[mode]


def writes(profile: Profile) -> bool:
    """Whether a model is given no tools for code, since it writes blocks in its answer more surely than calls."""
    return profile.small and profile.tool_style == "json"


INTERRUPTED = (
    "The work was interrupted and goes on in a new sandbox. The repository's files are as they were after your last "
    "finished call; what was in /tmp, commands in the background and sessions are gone."
)
GAP = "Some files may be older than that: changes that were too large to be kept are gone. Look before you go on."
FOLLOW_UP = (
    "The work goes on in a new sandbox. The repository's files are as you left them; what was in /tmp, commands in the "
    "background and sessions are gone."
)
STOPPED_BEFORE = "The person stopped your work on this before it was done."
STOPPED_BY_PERSON = "The person stopped the work while this call ran. It may have run in part."
NOT_RUN = "Not run: the person stopped the work before."
MAY_HAVE_RUN = (
    "Interrupted: the process stopped while this call ran. It may have run in part or whole; look before you run it "
    "again."
)


CUT_REPLY = "Your reply was cut at its length limit. Go on, in smaller pieces."
SUMMARISE = """\
Your context is nearly full; what is above will be gone. Write a handover to yourself, at most {words} words, without \
calling a tool: what you found out (paths with lines, names, values, exact errors), what you decided and why, what \
failed and must not be tried again, what is done, what comes next. The user's messages, the rules, the plan, the \
changed files and the failing checks are kept for you: do not repeat them."""
HANDOVER = (
    "The conversation was too long for your context. Above stands all that the user and the rules said, word for word; "
    "below, how things stand. What you saw and did before is found with the tool recall."
)


_CONTEXT = "<environment_context>"


def first_items(
    start: AttemptStarted, workspace: str, rules: str, network: str = "", change: str = ""
) -> tuple[UserMessage | DeveloperMessage, ...]:
    """The environment, the project's rules and the task, in the order in which they change least. `network` says in
    words which there is, contrary to the rule; `change` is what is to be reviewed."""
    reach = '<network enabled="false"/>'
    if network:
        reach = f'<network enabled="true">Unlike elsewhere, there is {network}; all else answers 403.</network>'
    lines = [_CONTEXT, f"<cwd>{workspace}</cwd>", "<shell>bash</shell>", reach]
    if start.base.branch:
        lines.append(f"<branch>{start.base.branch}</branch>")
    lines += [f"<check>{check.command}</check>" for check in start.checks]
    lines.append("</environment_context>")
    items: list[UserMessage | DeveloperMessage] = [UserMessage(text="\n".join(lines))]
    if rules:
        items.append(UserMessage(text=rules))
    if change:
        items.append(UserMessage(text=change))
    items.append(UserMessage(text=start.prompt, images=start.images))
    return tuple(items)


def all_in_one(start: AttemptStarted, rules: Sequence[str], shown: str) -> str:
    """The same for a model that writes blocks, without what it could take for a part of its answer: the project's
    rules, what it is `shown` of the repository, the task."""
    said = ["The project's rules:", *rules] if rules else []
    return "\n\n".join(part for part in (*said, shown, "What to do:", start.prompt, HOW) if part)


def is_told(items: Sequence[Item]) -> bool:
    """Whether a conversation begins with what `first_items` says."""
    return any(isinstance(item, UserMessage) and item.text.startswith(_CONTEXT) for item in items)


def follow_up(start: AttemptStarted, before: Sequence[Item], *, gap: bool) -> str:
    """What is different now; `gap` where changes of before could not be brought back."""
    known = "\n".join(item.text for item in before if isinstance(item, UserMessage) and item.text.startswith(_CONTEXT))
    checks = [f"`{one.command}`" for one in start.checks if f"<check>{one.command}</check>" not in known]
    told = [FOLLOW_UP, *([GAP] if gap else []), *([f"The checks are: {', '.join(checks)}."] if checks else [])]
    return " ".join(told)
