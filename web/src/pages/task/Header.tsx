import { Link, useNavigate } from "@tanstack/react-router";
import { Archive, ArchiveRestore, ArrowLeft, Ban, Columns3, Ellipsis, Link2, Pencil, RotateCw, Square, Trash2, Upload } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useTaskActs } from "@/api/tasks";
import { compact, money } from "@/i18n/format";
import { PullRequestBadge } from "@/parts/PullRequest";
import { repositoryName, StatusBadge } from "@/parts/Status";
import { sayFailed } from "@/shell/errors";
import { Delta } from "@/ui/Badge";
import { Button, buttonClass, IconButton } from "@/ui/Button";
import { copyText } from "@/ui/Copy";
import { Confirm, Dialog } from "@/ui/Dialog";
import { Input } from "@/ui/Field";
import { Menu, MenuItem, MenuLine } from "@/ui/Menu";
import { Elapsed } from "@/ui/Time";
import { say } from "@/ui/toast";

import { useTaskPage } from "./context";
import { TakeOver } from "./TakeOver";

export function Header() {
  const { t } = useTranslation("task");
  const { view } = useTaskPage();
  const { task } = view;
  const attempts = view.turns.at(-1)?.attempts.length ?? 1;
  return (
    <header className="flex flex-wrap items-center gap-x-3 gap-y-2 border-b border-line px-3 py-2.5 sm:px-4">
      <Link to="/" aria-label={t("back")} className={`${buttonClass("quiet", "sm")} w-7 px-0!`}>
        <ArrowLeft size={16} />
      </Link>
      <div className="min-w-0 flex-1 basis-48">
        <h1 className="text-lg max-sm:line-clamp-2 sm:truncate leading-snug font-semibold" title={task.title}>
          {task.title}
        </h1>
        <p className="mt-0.5 flex flex-wrap items-center gap-x-2 gap-y-0.5 text-xs text-muted sm:[&>*+*+*]:before:mr-2 sm:[&>*+*+*]:before:text-faint sm:[&>*+*+*]:before:content-['·']">
          <StatusBadge status={task.status} verdict={task.verdict} />
          <span title={task.repository}>{repositoryName(task.repository)}</span>
          {task.ref ? <span className="font-mono">{task.ref}</span> : null}
          <span>{task.model}</span>
          {task.began ? (
            <span>
              <Elapsed since={task.began} until={task.ended} />
            </span>
          ) : null}
          {typeof task.usage.cost === "number" && task.usage.cost > 0 ? <span className="tabular">{money(task.usage.cost)}</span> : null}
          <span className="tabular max-sm:hidden">{t("tokens", { count: compact(task.usage.input_tokens + task.usage.output_tokens) })}</span>
          {task.pull_request ? (
            <span className="inline-flex items-center">
              <PullRequestBadge pull={task.pull_request} />
            </span>
          ) : task.summary.branch ? (
            <span className="inline-flex items-center gap-1 text-accent-text" title={t("pushed", { branch: task.summary.branch })}>
              <Upload size={11} aria-label={t("pushed", { branch: "" })} />
              <span className="font-mono">{task.summary.branch}</span>
            </span>
          ) : null}
          {task.summary.files > 0 ? (
            <span>
              <Delta added={task.summary.added} removed={task.summary.removed} />
            </span>
          ) : null}
        </p>
      </div>
      <div className="ml-auto flex flex-wrap items-center justify-end gap-1.5">
        {attempts > 1 ? (
          <Link to="/tasks/$task/attempts" params={{ task: task.id }} className={buttonClass("plain", "sm")}>
            <Columns3 size={14} />
            {t("compare", { count: attempts })}
          </Link>
        ) : null}
        <Acts />
        <TakeOver />
        <More />
      </div>
    </header>
  );
}

/** What is to be done with it now, by its state. */
function Acts() {
  const { t } = useTranslation("task");
  const { view } = useTaskPage();
  const acts = useTaskActs(view.task.id);
  const may = new Set(view.acts);
  return (
    <>
      {may.has("interrupt") && view.task.status === "running" ? (
        <Button
          size="sm"
          icon={<Square size={12} fill="currentColor" />}
          busy={acts.interrupt.isPending && t("stopping")}
          onClick={() => acts.interrupt.mutate(undefined, { onError: (error) => sayFailed(error, t("stopFailed")) })}
        >
          {t("stop")}
        </Button>
      ) : null}
      {may.has("retry") ? (
        <Button
          size="sm"
          icon={<RotateCw size={13} />}
          busy={acts.retry.isPending && t("retrying")}
          onClick={() => acts.retry.mutate(undefined, { onError: (error) => sayFailed(error, t("retryFailed")) })}
        >
          {t("retry")}
        </Button>
      ) : null}
    </>
  );
}

function More() {
  const { t } = useTranslation("task");
  const navigate = useNavigate();
  const { view } = useTaskPage();
  const { task } = view;
  const acts = useTaskActs(task.id);
  const may = new Set(view.acts);
  const [asked, setAsked] = useState<"cancel" | "delete" | null>(null);
  const [renaming, setRenaming] = useState(false);
  const confirm = (): void => {
    if (asked === "cancel") acts.cancel.mutate(undefined, { onError: (error) => sayFailed(error) });
    if (asked === "delete") acts.remove.mutate(undefined, { onSuccess: () => void navigate({ to: "/" }), onError: (error) => sayFailed(error) });
    setAsked(null);
  };
  return (
    <>
      <Menu label={t("more")} trigger={<IconButton size="sm" label={t("more")} icon={<Ellipsis size={16} />} />}>
        <MenuItem icon={<Pencil size={15} />} onSelect={() => setRenaming(true)}>
          {t("rename")}
        </MenuItem>
        <MenuItem
          icon={task.archived ? <ArchiveRestore size={15} /> : <Archive size={15} />}
          disabled={!may.has("archive")}
          onSelect={() => acts.update.mutate({ archived: !task.archived }, { onError: (error) => sayFailed(error) })}
        >
          {task.archived ? t("unarchive") : t("archive")}
        </MenuItem>
        <MenuItem
          icon={<Link2 size={15} />}
          onSelect={() => void copyText(location.href).then(() => say({ kind: "done", title: t("share.copied") }), sayFailed)}
        >
          {t("share")}
        </MenuItem>
        <MenuLine />
        <MenuItem icon={<Ban size={15} />} disabled={!may.has("cancel")} onSelect={() => setAsked("cancel")}>
          {t("cancel")}
        </MenuItem>
        <MenuItem icon={<Trash2 size={15} />} danger disabled={!may.has("delete")} onSelect={() => setAsked("delete")}>
          {t("delete")}
        </MenuItem>
      </Menu>
      <Confirm
        open={asked !== null}
        onOpenChange={() => setAsked(null)}
        title={asked === "cancel" ? t("cancel.title") : t("delete.title")}
        about={asked === "cancel" ? t("cancel.about") : t("delete.about")}
        action={asked === "cancel" ? t("cancel") : t("delete")}
        onConfirm={confirm}
      />
      <Rename
        key={String(renaming)}
        title={task.title}
        open={renaming}
        onOpenChange={setRenaming}
        onSave={(title) => acts.update.mutate({ title }, { onError: (error) => sayFailed(error) })}
      />
    </>
  );
}

function Rename({ title, open, onOpenChange, onSave }: { title: string; open: boolean; onOpenChange: (open: boolean) => void; onSave: (title: string) => void }) {
  const { t } = useTranslation("task");
  const [typed, setTyped] = useState(title);
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={t("rename")} size="sm">
      <form
        className="flex gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.trim()) onSave(typed.trim());
          onOpenChange(false);
        }}
      >
        <Input aria-label={t("rename.label")} maxLength={200} value={typed} onChange={(event) => setTyped(event.target.value)} />
        <Button type="submit" look="primary">
          {t("save", { ns: "common" })}
        </Button>
      </form>
    </Dialog>
  );
}
