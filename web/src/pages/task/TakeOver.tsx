import { ClipboardCopy, Download, GitPullRequest, Terminal, Upload } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";

import { fetchPatch, patchUrl } from "@/api/work";
import { sayFailed } from "@/shell/errors";
import { Button } from "@/ui/Button";
import { copyText } from "@/ui/Copy";
import { Menu, MenuItem, MenuLabel, MenuLine } from "@/ui/Menu";
import { say } from "@/ui/toast";

import { useTaskPage } from "./context";

const PushBranch = lazy(() => import("./PushBranch").then((module) => ({ default: module.PushBranch })));

/** The words that a shell takes as one, whatever stands in them. */
export function gitApply(patch: string): string {
  let end = "PATCH";
  while (patch.split("\n").includes(end)) end += "_";
  return `git apply --3way <<'${end}'\n${patch}${patch.endsWith("\n") ? "" : "\n"}${end}\n`;
}

/** The result, taken to where the person works. */
export function TakeOver() {
  const { t } = useTranslation("task");
  const { view, ref, attempt } = useTaskPage();
  const [pushing, setPushing] = useState(false);
  const [ever, setEver] = useState(false);
  if (!ref || !attempt || attempt.summary.files === 0) return null;
  const may = view.acts.includes("publish");
  const command = `journeyman tasks apply ${view.task.id}`;
  const copied = (what: string, text: Promise<string>): void => {
    text.then(copyText).then(
      () => say({ kind: "done", title: what }),
      (error: unknown) => sayFailed(error, t("take.failed")),
    );
  };
  return (
    <>
    <Menu
      label={t("take")}
      trigger={
        <Button size="sm" look="primary" icon={<Download size={14} />}>
          {t("take")}
        </Button>
      }
    >
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
      <MenuLine />
      <MenuLabel>{t("take.forge")}</MenuLabel>
      <MenuItem icon={<Upload size={15} />} disabled={!may} about={may ? attempt.summary.branch || undefined : t("take.notYours")} onSelect={() => {
          setEver(true);
          setPushing(true);
        }}>
        {t("take.push")}
      </MenuItem>
      <MenuItem icon={<GitPullRequest size={15} />} disabled about={t("take.noForge")} onSelect={() => undefined}>
        {t("take.pull")}
      </MenuItem>
    </Menu>
    {ever ? (
      <Suspense fallback={null}>
        <PushBranch task={view.task.id} attempt={attempt} open={pushing} onOpenChange={setPushing} />
      </Suspense>
    ) : null}
    </>
  );
}
