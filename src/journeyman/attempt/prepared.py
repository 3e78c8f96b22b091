"""What the model is told before it begins: instructions, tools, the project's rules, the change under review."""

from dataclasses import dataclass

from journeyman.agent import prompts
from journeyman.attempt.host import Host
from journeyman.attempt.indexed import Indexed
from journeyman.attempt.workspace import Workspace
from journeyman.core import folds
from journeyman.core.environment_file import policy_words
from journeyman.core.errors import NoSuchFile
from journeyman.core.events import AttemptStarted, Prepared, Progressed
from journeyman.core.items import DeveloperMessage, UserMessage
from journeyman.core.text import clip
from journeyman.repo import rules
from journeyman.tools.registry import Toolbox

SMALL_CHANGE = 12_000
"""Characters of a change that a small model is shown."""


@dataclass(slots=True)
class RuleBook:
    """Which AGENTS.md files the model was told, and those of folders that it comes to later."""

    workspace: Workspace
    told: set[str]

    async def below(self, touched: tuple[str, ...]) -> str:
        found: list[rules.Rule] = []
        for path in touched:
            found += await rules.below(self._get, path, self.told)
            self.told.update(rule.path for rule in found)
        return rules.render(found) if found else ""

    async def _get(self, path: str) -> bytes | None:
        try:
            return await self.workspace.sandbox.read(path)
        except NoSuchFile:
            return None


async def prepared(
    host: Host, start: AttemptStarted, workspace: Workspace, toolbox: Toolbox, index: Indexed
) -> Prepared:
    """The first words of a turn; in a follow-up only what is new."""
    before = folds.continued(workspace.log.events)
    told = before is not None and not start.profile.small and prompts.is_told(before.items)
    change, touched = await _change(workspace, start) if start.mode == "review" else ("", ())
    if start.profile.small and start.mode != "code":
        return await _for_a_small_model(start, workspace, change, index)
    async with workspace.repository.tree(start.base.tree) as tree:
        found = [] if told else list(await rules.discover(tree.get, global_text=host.global_rules))
        seen = {*(before.rules if before is not None and told else ()), *(rule.path for rule in found)}
        for path in touched:
            found += await rules.below(tree.get, path, seen)
            seen.update(rule.path for rule in found)
    said = rules.render(found)
    if folds.escalations(workspace.log.events):
        from journeyman.attempt.learned import learned

        earlier = await learned(host.store, workspace.log, start.profile)
        steered = folds.steered(workspace.log.events)
        change = "\n\n".join(text for text in (change, earlier, *steered) if text)
    writes = start.mode == "code" and prompts.writes(start.profile)
    if start.profile.small:
        from journeyman.attempt.shown import shown

        # What the checks said of the base says nothing of what the turns before made of it.
        runs = folds.checks(workspace.log.events, "base") if before is None else ()
        code = await shown(host, start, workspace, runs)
        change = "\n\n".join(text for text in (code, change) if text)
    if told and before is not None:
        asked = UserMessage(text=start.prompt, images=start.images)
        note = prompts.follow_up(start, before.items, gap=workspace.gap)
        more = [UserMessage(text=text) for text in (said, change) if text]
        again = before.step is not None and asked in before.items  # a fork that is to do the same otherwise
        items = (DeveloperMessage(text=note), *more, *(() if again else (asked,)))
    elif writes:
        text = prompts.all_in_one(start, [rule.text for rule in found], change)
        items = (UserMessage(text=text, images=start.images),)
    else:
        items = prompts.first_items(start, str(workspace.spec.workspace), said, _network(start), change)
    return Prepared(
        instructions=prompts.instructions(start.mode, start.profile),
        tools=() if writes else toolbox.specs,
        items=items,
        rules=tuple(sorted(seen)),
    )


async def _for_a_small_model(start: AttemptStarted, workspace: Workspace, change: str, index: Indexed) -> Prepared:
    if change:
        items = (UserMessage(text=clip(change, SMALL_CHANGE)), UserMessage(text=start.prompt))
        return Prepared(instructions=prompts.REVIEW, tools=(), items=items)
    from journeyman.agent.brief import brief

    given = await brief(workspace.sandbox, await index(), start.prompt)
    if given.note:
        await workspace.log.append(Progressed(text=given.note))
    items = (UserMessage(text=given.text), UserMessage(text=f"Question: {start.prompt}"))
    return Prepared(instructions=prompts.BRIEF, tools=(), items=items)


async def _change(workspace: Workspace, start: AttemptStarted) -> tuple[str, tuple[str, ...]]:
    """The change under review for the model to read, and the files that it touches."""
    from journeyman.attempt.review import change, change_words
    from journeyman.repo.hunks import touched

    against, patch = await change(workspace, start.base)
    return change_words(patch, against), tuple(touched(patch))


def _network(start: AttemptStarted) -> str:
    """Which network the environment gives to the work, in words; empty for none."""
    policy = start.environment.environment.attempt.network if start.environment is not None else None
    return policy_words(policy) if policy is not None and policy.access != "off" else ""
