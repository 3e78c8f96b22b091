import { Link, useNavigate } from "@tanstack/react-router";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { Archive, Inbox, ScanSearch, SearchX } from "lucide-react";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Bulk, TaskLine } from "@/api/types";
import { useBulk, useTaskPages } from "@/api/tasks";
import { spoken } from "@/i18n/said";
import { type GroupName, grouped, type ListFilter } from "@/live/list";
import { sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { useShortcuts } from "@/shell/keys";
import { Button, buttonClass } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";
import { Empty, Working } from "@/ui/States";
import { say } from "@/ui/toast";

import { TaskRow } from "./TaskRow";

type Item = { kind: "heading"; group: GroupName; count: number } | { kind: "task"; task: TaskLine };

const ROW = 60;
/** On a phone titles have two lines. */
const TALL_ROW = 80;
const HEADING = 40;

const UNDO: Partial<Record<Bulk["act"], Bulk["act"]>> = { archive: "unarchive", unarchive: "archive" };

function useActs() {
  const { t } = useTranslation("home");
  const bulk = useBulk();
  const [doomed, setDoomed] = useState<TaskLine[]>([]);
  const { mutate } = bulk;
  const run = useCallback(
    (act: Bulk["act"], ids: string[]) => {
      mutate(
        { act, ids },
        {
          onError: (error) => sayFailed(error),
          onSuccess: (outcome) => {
            const failed = outcome.failed[0];
            if (failed) say({ kind: "failed", title: t("bulk.partly", { count: outcome.failed.length }), detail: spoken(failed.message) });
            if (act === "read" || act === "unread" || outcome.done.length === 0) return;
            const undo = UNDO[act];
            say({
              kind: "done",
              title: t(`done.${act}`, { count: outcome.done.length }),
              action: undo ? { label: t("done.undo"), run: () => mutate({ act: undo, ids: outcome.done }) } : undefined,
            });
          },
        },
      );
    },
    [mutate, t],
  );
  const act = useCallback(
    (name: Bulk["act"], tasks: TaskLine[]) => {
      if (tasks.length === 0) return;
      if (name === "delete") setDoomed(tasks);
      else run(name, tasks.map((task) => task.id));
    },
    [run],
  );
  const question = (
    <Confirm
      open={doomed.length > 0}
      onOpenChange={() => setDoomed([])}
      title={t("delete.title", { count: doomed.length })}
      about={t("delete.about")}
      action={t("act.delete")}
      onConfirm={() => {
        run("delete", doomed.map((task) => task.id));
        setDoomed([]);
      }}
    />
  );
  return { act, question };
}

export function TaskList({ filter, onSearch }: { filter: ListFilter; onSearch: () => void }) {
  const { t } = useTranslation("home");
  const navigate = useNavigate();
  const pages = useTaskPages(filter);
  const [current, setCurrent] = useState<string | null>(null);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const { act, question } = useActs();

  const held = pages.data?.pages;
  const items = useMemo<Item[]>(() => {
    const groups = grouped(held?.flatMap((page) => page.tasks) ?? [], filter.sort);
    return groups.flatMap((group): Item[] => [
      { kind: "heading", group: group.name, count: group.tasks.length },
      ...group.tasks.map((task): Item => ({ kind: "task", task })),
    ]);
  }, [held, filter.sort]);
  const tasks = useMemo(() => items.flatMap((item) => (item.kind === "task" ? [item.task] : [])), [items]);
  const chosen = tasks.filter((task) => selected.has(task.id));

  const [rowHeight] = useState(() => (matchMedia("(max-width: 39.99rem)").matches ? TALL_ROW : ROW));
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const measure = (): void => setTop(box.current ? box.current.getBoundingClientRect().top + window.scrollY : 0);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, []);
  const virtual = useWindowVirtualizer({
    count: items.length,
    estimateSize: (index) => (items[index]?.kind === "heading" ? HEADING : rowHeight),
    getItemKey: (index) => {
      const item = items[index];
      return item?.kind === "task" ? item.task.id : `heading-${item?.group ?? index}`;
    },
    overscan: 8,
    scrollMargin: top,
  });
  const rows = virtual.getVirtualItems();
  const last = rows.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = pages;
  useEffect(() => {
    if (last >= items.length - 10 && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [last, items.length, hasNextPage, isFetchingNextPage, fetchNextPage]);

  const select = useCallback((id: string) => {
    setSelected((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    });
  }, []);
  const move = (by: number): void => {
    const at = tasks.findIndex((task) => task.id === current);
    const next = tasks[Math.min(tasks.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
    if (!next) return;
    setCurrent(next.id);
    virtual.scrollToIndex(items.findIndex((item) => item.kind === "task" && item.task.id === next.id));
  };
  const pointed = tasks.find((task) => task.id === current);
  useShortcuts({
    j: () => move(1),
    k: () => move(-1),
    "/": onSearch,
    Enter: () => pointed && void navigate({ to: "/tasks/$task", params: { task: pointed.id } }),
    x: () => pointed && select(pointed.id),
    e: () => act(filter.tab === "archived" ? "unarchive" : "archive", chosen.length > 0 ? chosen : pointed ? [pointed] : []),
    Escape: () => setSelected(new Set()),
  });

  if (pages.isPending) return <Working>{t("loading")}</Working>;
  if (pages.isError && !held) return <Failed error={pages.error} title={t("failed")} onRetry={() => void pages.refetch()} />;
  if (tasks.length === 0) return <Nothing filter={filter} />;
  return (
    <>
      {chosen.length > 0 ? (
        <SelectionBar filter={filter} chosen={chosen} onClear={() => setSelected(new Set())} onAct={act} />
      ) : null}
      <div ref={box} className="relative" style={{ height: virtual.getTotalSize() }}>
        {rows.map((row) => {
          const item = items[row.index];
          if (!item) return null;
          return (
            <div
              key={row.key}
              className="absolute inset-x-0 top-0"
              style={{ height: row.size, transform: `translateY(${row.start - virtual.options.scrollMargin}px)` }}
            >
              {item.kind === "heading" ? (
                <h2 className="flex h-10 items-end gap-2 px-2 pb-1.5 text-xs font-medium text-muted sm:px-3">
                  {t(`group.${item.group}`)}
                  <span className="text-faint tabular">{item.count}</span>
                </h2>
              ) : (
                <TaskRow
                  task={item.task}
                  current={item.task.id === current}
                  selected={selected.has(item.task.id)}
                  selecting={selected.size > 0}
                  onSelect={select}
                  onAct={act}
                />
              )}
            </div>
          );
        })}
      </div>
      {isFetchingNextPage ? <Working>{t("loadingMore")}</Working> : null}
      {question}
    </>
  );
}

function SelectionBar({ filter, chosen, onClear, onAct }: { filter: ListFilter; chosen: TaskLine[]; onClear: () => void; onAct: (act: Bulk["act"], tasks: TaskLine[]) => void }) {
  const { t } = useTranslation("home");
  const acts: Bulk["act"][] = filter.tab === "archived" ? ["unarchive", "delete"] : ["read", "retry", "cancel", "archive", "delete"];
  return (
    <div role="toolbar" aria-label={t("bulk.selected", { count: chosen.length })} className="sticky top-13 z-20 flex flex-wrap items-center gap-1.5 border-b border-line bg-canvas/95 px-2 py-2 backdrop-blur-md sm:px-3">
      <span className="mr-2 font-medium">{t("bulk.selected", { count: chosen.length })}</span>
      {acts.map((act) => (
        <Button
          key={act}
          size="sm"
          look={act === "delete" ? "danger" : "plain"}
          onClick={() => {
            onAct(act, chosen);
            if (act !== "delete") onClear();
          }}
        >
          {t(`act.${act}`)}
        </Button>
      ))}
      <Button size="sm" look="quiet" onClick={onClear}>
        {t("bulk.clear")}
      </Button>
    </div>
  );
}

function Nothing({ filter }: { filter: ListFilter }) {
  const { t } = useTranslation("home");
  if (filter.search || filter.status || filter.verdict || filter.unread || filter.mine) {
    return (
      <Empty icon={<SearchX size={32} />} title={t("empty.found")}>
        {t("empty.foundAbout")}
      </Empty>
    );
  }
  if (filter.tab === "archived") {
    return (
      <Empty icon={<Archive size={32} />} title={t("empty.archived")}>
        {t("empty.archivedAbout")}
      </Empty>
    );
  }
  if (filter.tab === "reviews") {
    return (
      <Empty icon={<ScanSearch size={32} />} title={t("empty.reviews")}>
        {t("empty.reviewsAbout")}
      </Empty>
    );
  }
  return (
    <Empty
      icon={<Inbox size={32} />}
      title={t("empty.title")}
      actions={
        <Link to="/welcome" className={buttonClass("primary")}>
          {t("empty.demo")}
        </Link>
      }
    >
      {t("empty.about")}
    </Empty>
  );
}
