import { Link } from "@tanstack/react-router";
import { Archive, ArchiveRestore, Ban, Ellipsis, Mail, MailOpen, RotateCw, Trash2, Upload } from "lucide-react";
import { memo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { useSession } from "@/api/session";
import type { Bulk, TaskLine } from "@/api/types";
import { duration, money } from "@/i18n/format";
import { spoken } from "@/i18n/said";
import { PullRequestBadge } from "@/parts/PullRequest";
import { repositoryName, StatusIcon, VerdictBadge } from "@/parts/Status";
import { Badge, Delta } from "@/ui/Badge";
import { IconButton } from "@/ui/Button";
import { cx } from "@/ui/class";
import { Menu, MenuItem, MenuLine } from "@/ui/Menu";
import { Ago, Elapsed } from "@/ui/Time";

interface RowProps {
  task: TaskLine;
  current: boolean;
  selected: boolean;
  selecting: boolean;
  onSelect: (id: string) => void;
  onAct: (act: Bulk["act"], tasks: TaskLine[]) => void;
}

/** One task: what it is on the left, where it stands on the right. */
export const TaskRow = memo(function TaskRow({ task, current, selected, selecting, onSelect, onAct }: RowProps) {
  const { t } = useTranslation("home");
  return (
    <div
      data-task={task.id}
      className={cx(
        "group relative flex h-full items-center gap-3 border-b border-line px-2 transition-colors sm:px-3",
        current ? "bg-accent-soft/60" : "hover:bg-sunken",
      )}
    >
      {current ? <span aria-hidden className="absolute inset-y-0 left-0 w-0.5 rounded-full bg-accent" /> : null}
      <span className="relative z-10 flex size-5 shrink-0 items-center justify-center">
        <span className={cx("group-hover:invisible group-focus-within:invisible", (selecting || selected) && "invisible")}>
          <StatusIcon status={task.status} verdict={task.verdict} />
        </span>
        <input
          type="checkbox"
          checked={selected}
          aria-label={t("bulk.select", { title: task.title })}
          onChange={() => onSelect(task.id)}
          className={cx(
            "absolute size-4 accent-(--accent) opacity-0 group-focus-within:opacity-100 group-hover:opacity-100",
            (selecting || selected) && "opacity-100",
          )}
        />
      </span>
      <div className="min-w-0 flex-1">
        <div className="flex items-center gap-2 leading-5">
          <Link
            to="/tasks/$task"
            params={{ task: task.id }}
            className={cx("outline-offset-4 after:absolute after:inset-0 max-sm:line-clamp-2 sm:truncate", task.unread && "font-semibold")}
          >
            {task.title}
          </Link>
          {task.unread ? <span role="img" aria-label={t("unread")} title={t("unread")} className="size-1.5 shrink-0 rounded-full bg-accent" /> : null}
        </div>
        <p className="truncate text-xs text-muted">
          <span className="tabular sm:hidden">
            <When task={task} />
            <span className="text-faint"> · </span>
          </span>
          {task.status === "running" && task.summary.line ? <span className="font-mono sm:hidden">{spoken(task.summary.line)}</span> : null}
          <span className={cx(task.status === "running" && task.summary.line && "max-sm:hidden")}>
            <Origin task={task} />
          </span>
        </p>
      </div>
      <Outcome task={task} />
      <div className="relative z-10 w-8 shrink-0">
        <RowMenu task={task} onAct={onAct} />
      </div>
    </div>
  );
});

function Origin({ task }: { task: TaskLine }) {
  const { t } = useTranslation("home");
  const me = useSession().data?.person?.id;
  const parts: ReactNode[] = [
    task.environment === "off" || task.environment === "ready" || task.environment === "auto" ? repositoryName(task.repository) : task.environment,
  ];
  if (task.ref) parts.push(<span className="font-mono">{task.ref}</span>);
  if (task.mode !== "code") parts.push(t(`mode.${task.mode}`, { ns: "common" }));
  // A pull request says where its branch is.
  if (task.summary.branch && !task.pull_request) {
    parts.push(
      <span className="inline-flex items-baseline gap-1 text-accent-text" title={t("pushed", { branch: task.summary.branch })}>
        <Upload size={11} className="self-center" aria-label={t("pushed", { branch: "" })} />
        <span className="font-mono">{task.summary.branch}</span>
      </span>,
    );
  }
  if (task.turn > 1) parts.push(t("turn", { number: task.turn }));
  if (task.owner_name && task.owner !== me) parts.push(t("by", { name: task.owner_name }));
  parts.push(task.model);
  return parts.map((part, index) => (
    <span key={index}>
      {index > 0 ? <span className="text-faint"> · </span> : null}
      {part}
    </span>
  ));
}

/** Two lines at the right: the state, and time and cost below it. */
function Outcome({ task }: { task: TaskLine }) {
  const { t } = useTranslation("home");
  return (
    <div className="flex max-w-[55%] min-w-0 shrink-0 flex-col items-end gap-0.5 text-right">
      <div className="flex max-w-full items-center gap-2">
        <div className={cx("flex min-w-0 items-center gap-2", task.needs !== "approve" && "max-sm:hidden")}>
          <State task={task} />
        </div>
        {task.pull_request ? (
          <span className="relative z-10 inline-flex shrink-0">
            <PullRequestBadge pull={task.pull_request} />
          </span>
        ) : null}
      </div>
      <p className="text-xs whitespace-nowrap text-muted tabular max-sm:hidden">
        <When task={task} />
        {task.attempts > 1 ? <span> · {t("attempts", { count: task.attempts })}</span> : null}
      </p>
    </div>
  );
}

/** When it was, how long it took, and what it cost. */
function When({ task }: { task: TaskLine }) {
  const cost = task.usage.cost;
  return (
    <>
      {task.status === "running" && task.began ? <Elapsed since={task.began} /> : <Ago at={task.updated} />}
      {task.ended && task.began ? <span className="max-md:hidden"> · {duration(task.ended - task.began)}</span> : null}
      {cost ? <span> · {money(cost)}</span> : null}
    </>
  );
}

function State({ task }: { task: TaskLine }) {
  const { t } = useTranslation("home");
  const { summary } = task;
  if (task.status === "running") {
    const line = spoken(summary.line) || t("starting");
    return (
      <span className="max-w-40 truncate font-mono text-xs text-muted sm:max-w-80" title={line}>
        {line}
      </span>
    );
  }
  if (task.status === "queued") return <span className="truncate text-sm text-muted">{spoken(task.reason) || t("queued")}</span>;
  if (task.status !== "done") {
    const why = spoken(task.reason) || (task.stop ? t(`stop.${task.stop}`, { ns: "common" }) : "");
    return (
      <>
        {why ? (
          <span className="max-w-40 truncate text-sm text-muted max-sm:hidden sm:max-w-72" title={why}>
            {why}
          </span>
        ) : null}
        {task.needs === "approve" ? <Badge tone="warn">{t("needs.approve")}</Badge> : <StatusWord task={task} />}
      </>
    );
  }
  return (
    <>
      {summary.broken > 0 ? <span className="text-xs text-bad max-md:hidden">{t("broken", { count: summary.broken })}</span> : null}
      {summary.fixed > 0 ? <span className="text-xs text-good max-md:hidden">{t("fixed", { count: summary.fixed })}</span> : null}
      {summary.warnings > 0 ? <span className="text-xs text-warn max-lg:hidden">{t("warnings", { count: summary.warnings })}</span> : null}
      {summary.files > 0 ? (
        <span className="max-sm:hidden">
          <Delta added={summary.added} removed={summary.removed} />
        </span>
      ) : null}
      {task.verdict ? <VerdictBadge verdict={task.verdict} /> : null}
    </>
  );
}

function StatusWord({ task }: { task: TaskLine }) {
  const { t } = useTranslation();
  const tone = task.status === "failed" ? "bad" : task.status === "interrupted" ? "warn" : "neutral";
  return <Badge tone={tone}>{t(`status.${task.status}`)}</Badge>;
}

function RowMenu({ task, onAct }: { task: TaskLine; onAct: RowProps["onAct"] }) {
  const { t } = useTranslation("home");
  const act = (name: Bulk["act"]) => () => onAct(name, [task]);
  const active = task.status === "running" || task.status === "queued";
  return (
    <Menu
      label={t("row.actions", { title: task.title })}
      trigger={<IconButton size="sm" label={t("row.actions", { title: task.title })} icon={<Ellipsis size={16} />} />}
    >
      <MenuItem icon={task.unread ? <MailOpen size={15} /> : <Mail size={15} />} onSelect={act(task.unread ? "read" : "unread")}>
        {t(task.unread ? "act.read" : "act.unread")}
      </MenuItem>
      {active ? (
        <MenuItem icon={<Ban size={15} />} onSelect={act("cancel")}>
          {t("act.cancel")}
        </MenuItem>
      ) : (
        <MenuItem icon={<RotateCw size={15} />} onSelect={act("retry")}>
          {t("act.retry")}
        </MenuItem>
      )}
      <MenuItem
        icon={task.archived ? <ArchiveRestore size={15} /> : <Archive size={15} />}
        keys="e"
        onSelect={act(task.archived ? "unarchive" : "archive")}
      >
        {t(task.archived ? "act.unarchive" : "act.archive")}
      </MenuItem>
      <MenuLine />
      <MenuItem icon={<Trash2 size={15} />} danger disabled={active} onSelect={act("delete")}>
        {t("act.delete")}
      </MenuItem>
    </Menu>
  );
}
