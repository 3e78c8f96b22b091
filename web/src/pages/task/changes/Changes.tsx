import { useVirtualizer } from "@tanstack/react-virtual";
import { FileDiff as FileIcon, PanelLeft } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { ApiError } from "@/api/client";
import type { FileDiff } from "@/api/types";
import { type AttemptRef, type DiffWish, fetchWholeDiff, useAttempt, useDiff } from "@/api/work";
import { sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { useShortcuts } from "@/shell/keys";
import { Delta } from "@/ui/Badge";
import { IconButton } from "@/ui/Button";
import { cx } from "@/ui/class";
import { Segments, Switch } from "@/ui/Field";
import { Empty, Working } from "@/ui/States";

import { useTaskPage } from "../context";
import { type Finding, FindingNote } from "./Comment";
import { DiffRow } from "./DiffRow";
import { EVERYTHING, expanded, lastLine, type Opened, type Range } from "./expanded";
import { FileHeading } from "./FileHeading";
import { FileTree } from "./FileTree";
import { lineWords, numberOn } from "./lines";
import { rowsOf, type View } from "./rows";
import { SoFar } from "./SoFar";
import { useHunkTokens } from "./useHunkTokens";
import { useRemarks } from "./useRemarks";
import { useViewed } from "./viewed";

export function Changes() {
  const { t } = useTranslation("task");
  const { ref, view, attempt } = useTaskPage();
  const [whitespace, setWhitespace] = useState<DiffWish["whitespace"]>("show");
  const [wanted, setWanted] = useState("base");
  const review = view.turns.find((each) => each.number === attempt?.turn)?.mode === "review";
  const against = review ? "reviewed" : wanted;
  const wish = useMemo(() => ({ against, whitespace }), [against, whitespace]);
  const begun = attempt?.status !== "queued";
  const query = useDiff(ref as AttemptRef, wish, begun);
  const turn = attempt?.turn ?? view.task.turn;
  const before = `turn-${turn - 1}`;
  if (!begun) return <SoFar />;
  if (query.isPending) return <Working>{t("diff.loading")}</Working>;
  if (query.error instanceof ApiError && query.error.code === "not_ready") return <SoFar />;
  if (!query.data) return <Failed error={query.error} title={t("diff.failed")} onRetry={() => void query.refetch()} />;
  if (query.data.files.length === 0 && against !== before) {
    if (query.data.so_far) return <SoFar />;
    return (
      <Empty icon={<FileIcon size={32} />} title={review ? t("diff.none.reviewed") : t("diff.none")}>
        {review ? null : t("diff.none.about")}
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
      onAgainst={turn > 1 && !review ? setWanted : null}
      before={before}
      soFar={query.data.so_far}
    />
  );
}

const NONE: readonly Finding[] = [];

interface DiffProps {
  files: FileDiff[];
  wish: DiffWish;
  onWhitespace: (whitespace: DiffWish["whitespace"]) => void;
  against: string;
  onAgainst: ((against: string) => void) | null;
  /** What "this turn" is compared with. */
  before: string;
  soFar: boolean;
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

function Diff({ files: given, wish, onWhitespace, against, onAgainst, before, soFar }: DiffProps) {
  const { t } = useTranslation("task");
  const { ref, view, search, show } = useTaskPage();
  const task = view.task.id;
  const findings = useAttempt(against === "reviewed" ? ref : null).data?.result?.review?.findings ?? NONE;
  const wide = useWide();
  const [look, setLook] = useState<View>("unified");
  const [tree, setTree] = useState(true);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  // By the very change that was looked at: once a file changes further, what was opened of it is something else.
  const [opened, setOpened] = useState<ReadonlyMap<FileDiff, Opened>>(new Map());
  const viewed = useViewed(task);
  const box = useRef<HTMLDivElement>(null);

  const files = useMemo(() => given.map((file) => expanded(file, opened.get(file))), [given, opened]);
  const ends = useMemo(() => new Map(given.map((file) => [file.path, lastLine(file, opened.get(file))])), [given, opened]);
  const rows = useMemo(() => rowsOf(files, wide ? look : "unified", folded, ends), [files, wide, look, folded, ends]);
  // eslint-disable-next-line react-hooks/incompatible-library -- it is not memoised, as the library asks
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => (rows[index]?.kind === "file" ? 45 : rows[index]?.kind === "note" ? 44 : rows[index]?.kind === "hunk" ? 28 : 20),
    getItemKey: useCallback((index: number) => rows[index]?.key ?? index, [rows]),
    overscan: 20,
  });
  const { remarking, picking } = useRemarks(task, rows, findings, view.acts.includes("follow_up"));
  const beside = remarking.beside.filter((finding) => !folded.has(finding.path));
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
  const { at, from, to } = search;
  useEffect(() => {
    const last = to ?? from;
    const index = at && last ? rows.findIndex((row) => row.file.path === at && (numberOn(row, "new") ?? 0) >= last) : -1;
    if (index >= 0) virtual.scrollToIndex(index, { align: "center" });
    else if (at) toFile(at);
    // Only when the address says so; rows change with every fold.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [at, from, to]);

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
  const isWhole = (path: string): boolean => {
    const file = given.find((each) => each.path === path);
    return file !== undefined && (opened.get(file)?.ranges.includes(EVERYTHING) ?? false);
  };
  const open = (path: string, range: Range): void => {
    const file = given.find((each) => each.path === path);
    if (!file) return;
    if (range === EVERYTHING && isWhole(path)) {
      setOpened((held) => new Map([...held].filter(([each]) => each !== file)));
      return;
    }
    const add = (lines: Opened["lines"], clipped: boolean): void =>
      setOpened((held) => new Map(held).set(file, { lines, clipped, ranges: [...(held.get(file)?.ranges ?? []), range] }));
    const known = opened.get(file);
    if (known) add(known.lines, known.clipped);
    else {
      fetchWholeDiff(ref as AttemptRef, wish, path).then(
        (all) => {
          if (all) add(all.hunks.flatMap((hunk) => hunk.lines), all.clipped);
        },
        (error: unknown) => sayFailed(error, t("diff.failed")),
      );
    }
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
        {against === "reviewed" ? <span className="text-muted">{t("diff.reviewed", { count: findings.length })}</span> : null}
        {soFar ? <span className="text-muted">{t("diff.soFar")}</span> : null}
        <span className="flex-1" />
        {onAgainst ? (
          <Segments
            label={t("diff.against")}
            value={against}
            onChange={onAgainst}
            options={[
              { value: "base", label: t("diff.againstBase") },
              { value: before, label: t("diff.againstTurn") },
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
      {beside.length > 0 ? (
        <section aria-label={t("findings.beside")} className="max-h-56 overflow-y-auto border-b border-line px-1 py-1 scroll-thin">
          {beside.map((finding, index) => (
            <FindingNote
              key={index}
              finding={finding}
              fixing={remarking.isFixed(finding)}
              onFix={remarking.fix === null ? null : () => remarking.fix?.(finding)}
              place={
                <button type="button" className="font-mono text-accent-text hover:underline" onClick={() => show({ tab: "files", at: finding.path, from: finding.start, to: finding.end })}>
                  {finding.path}:{lineWords(finding)}
                </button>
              }
            />
          ))}
        </section>
      ) : null}
      <div className="flex min-h-0 flex-1">
        {tree && files.length > 1 ? <FileTree files={files} current={current ?? null} viewed={viewed.has} onOpen={toFile} /> : null}
        <div
          ref={box}
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is scrolled by keys, too
          tabIndex={0}
          role="region"
          aria-label={t("tab.changes")}
          onPointerDown={picking.onPointerDown}
          onPointerMove={picking.onPointerMove}
          onPointerUp={picking.onPointerUp}
          className={cx("min-w-0 flex-1 overflow-y-auto scroll-thin", picking.lines && "select-none")}
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
                      whole={isWhole(row.file.path)}
                      viewed={viewed.has(row.file)}
                      onFold={(all) => (all ? foldAll() : fold(row.file.path))}
                      onWhole={() => open(row.file.path, EVERYTHING)}
                      onViewed={(seen) => {
                        viewed.mark(row.file, seen);
                        if (seen !== folded.has(row.file.path)) fold(row.file.path);
                      }}
                    />
                  ) : (
                    <DiffRow row={row} colours={colours} remarking={remarking} onOpen={(range) => open(row.file.path, range)} />
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
