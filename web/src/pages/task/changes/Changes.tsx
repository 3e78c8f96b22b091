import { useVirtualizer } from "@tanstack/react-virtual";
import { FileDiff as FileIcon, PanelLeft } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { ApiError } from "@/api/client";
import type { FileDiff } from "@/api/types";
import { type AttemptRef, type DiffWish, fetchWholeDiff, useDiff } from "@/api/work";
import { sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { useShortcuts } from "@/shell/keys";
import { Delta } from "@/ui/Badge";
import { IconButton } from "@/ui/Button";
import { Segments, Switch } from "@/ui/Field";
import { Empty, Working } from "@/ui/States";

import { type Draft, dropComment, keyOf, saveComment, useComments } from "../comments";
import { useTaskPage } from "../context";
import { SoFar } from "./SoFar";
import { CommentBox, CommentNote } from "./Comment";
import { FileHeading } from "./FileHeading";
import { FileTree } from "./FileTree";
import { CodeLine } from "./Line";
import { type Row, rowsOf, type Side, type View } from "./rows";
import { useHunkTokens } from "./useHunkTokens";
import { useViewed } from "./viewed";

export function Changes() {
  const { t } = useTranslation("task");
  const { ref, view } = useTaskPage();
  const [whitespace, setWhitespace] = useState<DiffWish["whitespace"]>("show");
  const [against, setAgainst] = useState("base");
  const wish = useMemo(() => ({ against, whitespace }), [against, whitespace]);
  const query = useDiff(ref as AttemptRef, wish);
  const turns = view.turns.length;
  if (query.isPending) return <Working>{t("diff.loading")}</Working>;
  if (query.error instanceof ApiError && query.error.code === "not_ready") return <SoFar />;
  if (!query.data) return <Failed error={query.error} title={t("diff.failed")} onRetry={() => void query.refetch()} />;
  if (query.data.files.length === 0 && against === "base") {
    return (
      <Empty icon={<FileIcon size={32} />} title={t("diff.none")}>
        {t("diff.none.about")}
      </Empty>
    );
  }
  return (
    <Diff
      key={`${query.data.attempt} ${query.data.against}`}
      files={query.data.files}
      wish={wish}
      onWhitespace={setWhitespace}
      against={against}
      onAgainst={turns > 1 ? setAgainst : null}
    />
  );
}

interface DiffProps {
  files: FileDiff[];
  wish: DiffWish;
  onWhitespace: (whitespace: DiffWish["whitespace"]) => void;
  against: string;
  onAgainst: ((against: string) => void) | null;
}

/** Where a remark is being written: a line of a file, or several. */
interface Target {
  path: string;
  side: "old" | "new";
  start: number;
  end: number;
}

function useWide(): boolean {
  const [wide, setWide] = useState(() => matchMedia("(min-width: 64rem)").matches);
  useEffect(() => {
    const query = matchMedia("(min-width: 64rem)");
    const changed = (): void => setWide(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return wide;
}

function Diff({ files: given, wish, onWhitespace, against, onAgainst }: DiffProps) {
  const { t } = useTranslation("task");
  const { ref, view, search } = useTaskPage();
  const task = view.task.id;
  const wide = useWide();
  const [look, setLook] = useState<View>("unified");
  const [tree, setTree] = useState(true);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [whole, setWhole] = useState<ReadonlyMap<string, FileDiff>>(new Map());
  const [target, setTarget] = useState<Target | null>(null);
  const comments = useComments(task);
  const viewed = useViewed(task);
  const box = useRef<HTMLDivElement>(null);

  const files = useMemo(() => given.map((file) => whole.get(file.path) ?? file), [given, whole]);
  const rows = useMemo(() => rowsOf(files, wide ? look : "unified", folded), [files, wide, look, folded]);
  // eslint-disable-next-line react-hooks/incompatible-library -- it is not memoised, as the library asks
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => (rows[index]?.kind === "file" ? 45 : rows[index]?.kind === "note" ? 44 : rows[index]?.kind === "hunk" ? 28 : 20),
    getItemKey: (index) => rows[index]?.key ?? index,
    overscan: 20,
  });
  const shown = virtual.getVirtualItems();
  const near = shown.map((row) => rows[row.index]?.file.path).filter((path) => path !== undefined);
  const nearKey = [...new Set(near)].join("\n");
  const wanted = useMemo(() => new Set(nearKey.split("\n")), [nearKey]);
  const wholeOf = useCallback((path: string) => fetchWholeDiff(ref as AttemptRef, wish, path), [ref, wish]);
  const colours = useHunkTokens(files, wanted, wholeOf);

  const toFile = useCallback(
    (path: string) => {
      const index = rows.findIndex((row) => row.kind === "file" && row.file.path === path);
      if (index >= 0) virtual.scrollToIndex(index, { align: "start" });
    },
    [rows, virtual],
  );
  const { at } = search;
  useEffect(() => {
    if (at) toFile(at);
    // Only when the address says so; rows change with every fold.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [at]);

  const first = rows[shown.find((row) => row.end > (virtual.scrollOffset ?? 0) + 1)?.index ?? 0];
  const current = first?.file.path;
  const step = (by: number): void => {
    const index = files.findIndex((file) => file.path === current);
    const next = files[Math.min(files.length - 1, Math.max(0, index + by))];
    if (next) toFile(next.path);
  };
  useShortcuts({ j: () => step(1), k: () => step(-1) });

  const fold = (path: string): void =>
    setFolded((before) => {
      const after = new Set(before);
      if (!after.delete(path)) after.add(path);
      return after;
    });
  const foldAll = (): void => setFolded(folded.size < files.length ? new Set(files.map((file) => file.path)) : new Set());
  const expand = (path: string): void => {
    if (whole.has(path)) {
      setWhole((before) => new Map([...before].filter(([name]) => name !== path)));
      return;
    }
    fetchWholeDiff(ref as AttemptRef, wish, path).then(
      (file) => {
        if (file) setWhole((before) => new Map(before).set(path, file));
      },
      (error: unknown) => sayFailed(error, t("diff.failed")),
    );
  };

  const added = files.reduce((sum, file) => sum + file.added, 0);
  const removed = files.reduce((sum, file) => sum + file.removed, 0);
  const done = files.filter((file) => viewed.has(file)).length;
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5 border-b border-line px-3 py-1.5 text-sm">
        <IconButton size="sm" label={t("diff.tree")} aria-pressed={tree} icon={<PanelLeft size={15} />} className="max-lg:hidden" onClick={() => setTree(!tree)} />
        <span>{t("files", { count: files.length })}</span>
        <Delta added={added} removed={removed} />
        <span className="text-muted tabular">{t("diff.viewed", { done, count: files.length })}</span>
        <span className="flex-1" />
        {onAgainst ? (
          <Segments
            label={t("diff.against")}
            value={against}
            onChange={onAgainst}
            options={[
              { value: "base", label: t("diff.againstBase") },
              { value: "turn-1", label: t("diff.againstTurn") },
            ]}
          />
        ) : null}
        <Switch label={t("diff.whitespace")} checked={wish.whitespace === "ignore"} onChange={(hide) => onWhitespace(hide ? "ignore" : "show")} />
        {wide ? (
          <Segments
            label={t("diff.view")}
            value={look}
            onChange={setLook}
            options={[
              { value: "unified", label: t("diff.unified") },
              { value: "split", label: t("diff.split") },
            ]}
          />
        ) : null}
      </div>
      <div className="flex min-h-0 flex-1">
        {tree && files.length > 1 ? <FileTree files={files} current={current ?? null} viewed={viewed.has} onOpen={toFile} /> : null}
        <div
          ref={box}
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is scrolled by keys, too
          tabIndex={0}
          role="region"
          aria-label={t("tab.changes")}
          className="min-w-0 flex-1 overflow-y-auto scroll-thin"
        >
          <div className="relative" style={{ height: virtual.getTotalSize() }}>
            {shown.map((item) => {
              const row = rows[item.index];
              return row ? (
                <div key={item.key} ref={virtual.measureElement} data-index={item.index} className="absolute inset-x-0 top-0" style={{ transform: `translateY(${item.start}px)` }}>
                  {row.kind === "file" ? (
                    <FileHeading
                      file={row.file}
                      folded={folded.has(row.file.path)}
                      whole={whole.has(row.file.path)}
                      viewed={viewed.has(row.file)}
                      onFold={(all) => (all ? foldAll() : fold(row.file.path))}
                      onWhole={() => expand(row.file.path)}
                      onViewed={(seen) => {
                        viewed.mark(row.file, seen);
                        if (seen !== folded.has(row.file.path)) fold(row.file.path);
                      }}
                    />
                  ) : (
                    <DiffRow row={row} colours={colours} comments={comments} target={target} onTarget={setTarget} task={task} onWhole={() => expand(row.file.path)} />
                  )}
                </div>
              ) : null;
            })}
          </div>
        </div>
      </div>
    </div>
  );
}

interface DiffRowProps {
  row: Exclude<Row, { kind: "file" }>;
  colours: ReturnType<typeof useHunkTokens>;
  comments: readonly Draft[];
  target: Target | null;
  onTarget: (target: Target | null) => void;
  task: string;
  onWhole: () => void;
}

function DiffRow({ row, colours, comments, target, onTarget, task, onWhole }: DiffRowProps) {
  const { t } = useTranslation("task");
  const { path } = row.file;
  if (row.kind === "hunk") {
    return (
      <button type="button" onClick={onWhole} className="flex h-7 w-full items-center gap-3 bg-sunken px-3 text-left font-mono text-2xs text-muted hover:text-ink">
        {row.hidden > 0 ? t("diff.hidden", { count: row.hidden }) : "⋯"}
        <span className="truncate text-faint">{row.heading}</span>
      </button>
    );
  }
  if (row.kind === "note") return <p className="px-4 py-2.5 text-muted">{t(`diff.note.${row.note}`)}</p>;
  const tokens = colours.get(`${path} ${row.hunk}`);
  const place = (side: Side): Target => {
    const old = side.line.kind === "-";
    const number = (old ? side.line.old : side.line.new) ?? 1;
    return { path, side: old ? "old" : "new", start: number, end: number };
  };
  const sides: Side[] = row.kind === "line" ? [{ index: row.index, line: row.line, changed: row.changed }] : [row.left, row.right].filter((side) => side !== null);
  const line = (side: Side, numbers: "both" | "old" | "new") => {
    const own = place(side);
    return (
      <CodeLine
        line={side.line}
        side={own.side}
        numbers={numbers}
        tokens={tokens?.[side.index]}
        changed={side.changed}
        selected={target?.path === path && target.side === own.side && target.start === own.start}
        onComment={numbers === "old" && side.line.kind === " " ? null : () => onTarget(own)}
      />
    );
  };
  // The two sides of an unchanged line are the same place.
  const places = [...new Map(sides.map((side) => [keyOf(place(side)), place(side)])).values()];
  return (
    <>
      {row.kind === "line" ? (
        line({ index: row.index, line: row.line, changed: row.changed }, "both")
      ) : (
        <div className="flex">
          {row.left ? line(row.left, "old") : <span className="flex-1 bg-sunken" />}
          <span className="w-px bg-line" />
          {row.right ? line(row.right, "new") : <span className="flex-1 bg-sunken" />}
        </div>
      )}
      {places.map((own) => {
        const key = keyOf(own);
        const draft = comments.find((comment) => comment.key === key);
        if (target && keyOf(target) === key) {
          return (
            <CommentBox
              key={key}
              start={`${path}:${own.start}`}
              text={draft?.text ?? ""}
              onClose={() => onTarget(null)}
              onSave={(text) => {
                saveComment(task, { ...own, text });
                onTarget(null);
              }}
            />
          );
        }
        return draft ? <CommentNote key={key} text={draft.text} onEdit={() => onTarget(own)} onDrop={() => dropComment(task, key)} /> : null;
      })}
    </>
  );
}
