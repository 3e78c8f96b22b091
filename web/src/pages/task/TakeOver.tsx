import { ArrowUpToLine, ClipboardCopy, Download, GitPullRequest, Terminal, Upload } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";

import { useForges } from "@/api/forges";
import { usePublishing } from "@/api/tasks";
import type { AttemptLine } from "@/api/types";
import { fetchPatch, patchUrl } from "@/api/work";
import { spoken } from "@/i18n/said";
import { nextAct, numberOf } from "@/parts/pulls";
import { sayFailed } from "@/shell/errors";
import { Button } from "@/ui/Button";
import { copyText } from "@/ui/Copy";
import { Menu, MenuItem, MenuLabel, MenuLine } from "@/ui/Menu";
import { say } from "@/ui/toast";

import { useTaskPage } from "./context";
import { useBringUpToDate } from "./pull/update";

const PushBranch = lazy(() => import("./PushBranch").then((module) => ({ default: module.PushBranch })));
const PullRequest = lazy(() => import("./pull/PullRequest").then((module) => ({ default: module.PullRequest })));

/** The words that a shell takes as one, whatever stands in them. */
export function gitApply(patch: string): string {
  let end = "PATCH";
  while (patch.split("\n").includes(end)) end += "_";
  return `git apply --3way <<'${end}'\n${patch}${patch.endsWith("\n") ? "" : "\n"}${end}\n`;
}

/** What of handing a result on is known before anybody asks for it. */
function useHandingOn(attempt: AttemptLine) {
  const { view } = useTaskPage();
  const may = view.acts.includes("publish");
  const forges = useForges().data;
  const pull = view.task.pull_request;
  // Where no forge is set up there is nothing to ask: no pull request can be opened.
  const asked = may && view.task.status === "done" && attempt.summary.files > 0 && (forges?.length ?? 0) > 0;
  const target = usePublishing(view.task.id, attempt.name, asked).data;
  return {
    may,
    pull,
    forge: target?.forge ?? null,
    next: target?.forge ? nextAct(pull ?? null, target.published, attempt) : null,
    reason: forges?.length === 0 ? null : (target?.forge_reason ?? ""),
  };
}

/** The result, taken to where the person works: what is next to do with it as a button, all else in a menu. */
export function TakeOver() {
  const { ref, attempt } = useTaskPage();
  return ref && attempt && attempt.summary.files > 0 ? <Ways attempt={attempt} /> : null;
}

/** The dialogs: to push a branch, to look at the pull request that there is, to open one. */
type Shown = "push" | "pull" | "new";

function Ways({ attempt }: { attempt: AttemptLine }) {
  const { t } = useTranslation("task");
  const { view } = useTaskPage();
  const [shown, setShown] = useState<Shown | null>(null);
  const [ever, setEver] = useState(false);
  const handing = useHandingOn(attempt);
  const { pull, forge, may, next } = handing;
  const update = useBringUpToDate(view.task.id, attempt.name);
  const show = (dialog: Shown): void => {
    setEver(true);
    setShown(dialog);
  };
  const open = t("pull.act", { request: t(`request.${forge?.kind ?? "github"}`, { ns: "common" }) });
  return (
    <>
      {next === "open" ? (
        <Button size="sm" look="primary" icon={<GitPullRequest size={14} />} onClick={() => show("new")}>
          {open}
        </Button>
      ) : null}
      {pull && next === "update" ? (
        <Button size="sm" look="primary" icon={<ArrowUpToLine size={14} />} title={t("pull.behind")} busy={update.busy && t("pull.updating")} onClick={() => update.run(pull)}>
          {t("pull.update")}
        </Button>
      ) : null}
      <Menu
        label={t("take")}
        trigger={
          <Button size="sm" look={next ? "plain" : "primary"} icon={<Download size={14} />}>
            {t("take")}
          </Button>
        }
      >
        <Copies />
        <MenuLine />
        <MenuLabel>{t("take.forge")}</MenuLabel>
        <MenuItem icon={<Upload size={15} />} disabled={!may} about={may ? attempt.summary.branch || undefined : t("take.notYours")} onSelect={() => show("push")}>
          {t("take.push")}
        </MenuItem>
        <MenuItem
          icon={<GitPullRequest size={15} />}
          disabled={!may && !pull}
          about={pull ? pull.repository : !may ? t("take.notYours") : handing.reason === null ? t("take.noForge") : spoken(handing.reason) || undefined}
          onSelect={() => show(pull ? "pull" : "new")}
        >
          {pull ? `${t(`Request.${pull.kind}`, { ns: "common" })} ${numberOf(pull)}` : open}
        </MenuItem>
      </Menu>
      {ever ? (
        <Suspense fallback={null}>
          <PushBranch task={view.task.id} attempt={attempt} open={shown === "push"} onOpenChange={(now) => setShown(now ? "push" : null)} />
          <PullRequest
            task={view.task}
            attempt={attempt}
            open={shown === "pull" || shown === "new"}
            onOpenChange={(now) => setShown(now ? "pull" : null)}
            anew={shown === "new"}
            onAnew={() => setShown("new")}
            onPush={() => setShown("push")}
          />
        </Suspense>
      ) : null}
    </>
  );
}

/** The patch itself, in the forms that somebody may want it in. */
function Copies() {
  const { t } = useTranslation("task");
  const { view, ref } = useTaskPage();
  if (!ref) return null;
  const command = `journeyman tasks apply ${view.task.id}`;
  const copied = (what: string, text: Promise<string>): void => {
    text.then(copyText).then(
      () => say({ kind: "done", title: what }),
      (error: unknown) => sayFailed(error, t("take.failed")),
    );
  };
  return (
    <>
      <MenuItem icon={<ClipboardCopy size={15} />} onSelect={() => copied(t("take.applyCopied"), fetchPatch(ref).then(gitApply))}>
        {t("take.apply")}
      </MenuItem>
      <MenuItem icon={<ClipboardCopy size={15} />} onSelect={() => copied(t("take.patchCopied"), fetchPatch(ref))}>
        {t("take.patch")}
      </MenuItem>
      <MenuItem icon={<Download size={15} />} onSelect={() => location.assign(patchUrl(ref))}>
        {t("take.download")}
      </MenuItem>
      <MenuLine />
      <MenuItem icon={<Terminal size={15} />} about={command} onSelect={() => copied(t("take.cliCopied"), Promise.resolve(command))}>
        {t("take.cli")}
      </MenuItem>
    </>
  );
}
