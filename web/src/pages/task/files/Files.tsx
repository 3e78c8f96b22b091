import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronRight, Download, File, Folder, FolderOpen, Link2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useLog } from "@/api/logs";
import type { FileEntry } from "@/api/types";
import { type AttemptRef, fileUrl, useFile, useFolder } from "@/api/work";
import { bytes } from "@/i18n/format";
import { Tokens, useTokens } from "@/parts/Code";
import { languageOf } from "@/parts/highlight";
import { Failed } from "@/shell/Failed";
import { Badge } from "@/ui/Badge";
import { buttonClass } from "@/ui/Button";
import { cx } from "@/ui/class";
import { Copy } from "@/ui/Copy";
import { Empty, Note, Working } from "@/ui/States";

import { useTaskPage } from "../context";
import { Back } from "./Back";

/** The workspace as it was after any step. */
export function Files() {
  const { t } = useTranslation("task");
  const { ref, attempt, logs, search, show } = useTaskPage();
  const steps = useSteps();
  // `from` alone names a step; with a path it names lines.
  const [seq, setSeq] = useState<number | null>(search.at === undefined ? (search.from ?? null) : null);
  const attemptId = attempt?.id;
  useEffect(() => {
    if (attemptId) void logs.load(attemptId);
  }, [attemptId, logs]);
  const path = search.at ?? null;
  const index = seq === null ? steps.length : Math.max(0, steps.findIndex((step) => step.seq >= seq));
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex min-h-10 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-3 py-1.5 text-sm">
        <label className="flex min-w-56 flex-1 items-center gap-3">
          <span className="shrink-0 text-muted">{seq === null ? t("files.atEnd") : t("files.atStep", { step: steps[index]?.number ?? "—" })}</span>
          <input
            type="range"
            min={0}
            max={steps.length}
            value={index}
            disabled={steps.length === 0}
            onChange={(event) => setSeq(steps[Number(event.target.value)]?.seq ?? null)}
            className="w-full max-w-md accent-(--accent)"
            aria-label={t("files.step")}
          />
        </label>
        {seq !== null && steps[index] ? <Back step={steps[index].number} /> : null}
      </div>
      <div className="flex min-h-0 flex-1 max-sm:flex-col">
        <nav aria-label={t("files.tree")} className="w-64 shrink-0 overflow-y-auto border-r border-line py-1.5 scroll-thin max-sm:h-44 max-sm:w-full max-sm:border-r-0 max-sm:border-b">
          <FolderList attempt={ref as AttemptRef} folder="" depth={0} seq={seq} current={path} onOpen={(at) => show({ tab: "files", at })} />
        </nav>
        <div className="flex min-h-0 min-w-0 flex-1 flex-col">
          {path === null ? (
            <Empty icon={<File size={32} />} title={t("files.none")}>
              {t("files.none.about")}
            </Empty>
          ) : (
            <FileText key={`${path} ${seq}`} attempt={ref as AttemptRef} path={path} seq={seq} />
          )}
        </div>
      </div>
    </div>
  );
}

/** The steps, each with the place in the log where what it called has come back. */
function useSteps(): { number: number; seq: number }[] {
  const { logs, attempt } = useTaskPage();
  const log = useLog(logs, attempt?.id ?? null);
  return log.entries.flatMap((entry) => {
    const last = entry.kind === "step" ? entry.calls.at(-1) : undefined;
    return entry.kind === "step" && last ? [{ number: entry.number, seq: last.seq + 1 }] : [];
  });
}

interface FolderProps {
  attempt: AttemptRef;
  folder: string;
  depth: number;
  seq: number | null;
  current: string | null;
  onOpen: (path: string) => void;
}

const INDENT = ["pl-2", "pl-5", "pl-8", "pl-11", "pl-14", "pl-17", "pl-20"];
const MARKS = { add: "text-good", update: "text-warn", delete: "text-bad line-through" };

function FolderList(props: FolderProps) {
  const { t } = useTranslation("task");
  const query = useFolder(props.attempt, props.folder, props.seq);
  if (query.isPending) return <p className="px-3 py-1 text-sm text-faint">{t("loading.files")}</p>;
  if (!query.data) return <Failed error={query.error} className="m-2" onRetry={() => void query.refetch()} />;
  return (
    <>
      {props.depth === 0 && !query.data.complete ? <Note className="m-2 text-sm">{t("files.partly")}</Note> : null}
      <ul>
        {query.data.entries.map((entry) => (
          <EntryLine key={entry.path} entry={entry} {...props} />
        ))}
      </ul>
    </>
  );
}

function EntryLine({ entry, ...props }: FolderProps & { entry: FileEntry }) {
  const [open, setOpen] = useState(props.current?.startsWith(`${entry.path}/`) ?? false);
  const name = entry.path.split("/").at(-1) ?? entry.path;
  const folder = entry.kind === "folder";
  return (
    <li>
      <button
        type="button"
        aria-expanded={folder ? open : undefined}
        aria-current={entry.path === props.current ? "true" : undefined}
        onClick={() => (folder ? setOpen(!open) : props.onOpen(entry.path))}
        title={entry.path}
        className={cx(
          "flex w-full items-center gap-1.5 py-0.5 pr-2 text-left text-sm hover:bg-sunken",
          INDENT[Math.min(props.depth, 6)],
          entry.path === props.current && "bg-sunken font-medium",
        )}
      >
        <ChevronRight size={12} className={cx("shrink-0 text-faint transition-transform", open && "rotate-90", !folder && "invisible")} />
        {folder ? open ? <FolderOpen size={14} className="shrink-0 text-faint" /> : <Folder size={14} className="shrink-0 text-faint" /> : entry.kind === "link" ? <Link2 size={14} className="shrink-0 text-faint" /> : <File size={14} className="shrink-0 text-faint" />}
        <span className={cx("truncate", entry.changed && MARKS[entry.changed])}>{name}</span>
      </button>
      {folder && open ? <FolderList {...props} folder={entry.path} depth={props.depth + 1} /> : null}
    </li>
  );
}

const LINE = 20;

function FileText({ attempt, path, seq }: { attempt: AttemptRef; path: string; seq: number | null }) {
  const { t } = useTranslation("task");
  const { search } = useTaskPage();
  const query = useFile(attempt, path, seq);
  const box = useRef<HTMLDivElement>(null);
  const lines = query.data?.lines ?? [];
  const tokens = useTokens(lines.join("\n"), languageOf(path));
  const from = search.at === path ? (search.from ?? null) : null;
  const to = search.to ?? from;
  // eslint-disable-next-line react-hooks/incompatible-library -- it is not memoised, as the library asks
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => LINE, overscan: 30 });
  const there = lines.length > 0;
  useEffect(() => {
    if (from !== null && there) virtual.scrollToIndex(from - 1, { align: "center" });
    // Only when the address points somewhere else, or the lines have come.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [from, there]);
  if (query.isPending) return <Working>{t("files.loading")}</Working>;
  if (!query.data) return <Failed error={query.error} title={t("files.failed", { path })} onRetry={() => void query.refetch()} />;
  const file = query.data;
  return (
    <>
      <div className="flex items-center gap-2 border-b border-line px-3 py-1.5">
        <span className="min-w-0 flex-1 truncate font-mono text-xs">{path}</span>
        {file.changed ? <Badge tone={file.changed === "add" ? "good" : "warn"}>{t(`files.changed.${file.changed}`)}</Badge> : null}
        <span className="text-xs text-faint">{bytes(file.size)}</span>
        <Copy text={lines.join("\n")} label={t("files.copy")} />
        <a href={fileUrl(attempt, path, seq)} aria-label={t("files.download")} className={`${buttonClass("quiet", "sm")} w-7 px-0!`}>
          <Download size={14} />
        </a>
      </div>
      {file.binary ? (
        <Empty title={t("files.binary")}>{t("files.binary.about")}</Empty>
      ) : (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is scrolled by keys, too
        <div ref={box} tabIndex={0} role="region" aria-label={path} className="min-h-0 flex-1 overflow-auto font-mono text-xs scroll-thin">
          <div className="relative w-max min-w-full" style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map((row) => {
              const number = row.index + file.start;
              const marked = from !== null && to !== null && number >= from && number <= to;
              const line = tokens?.[row.index];
              return (
                <div key={row.key} className={cx("absolute top-0 left-0 flex min-w-full leading-5", marked && "bg-accent-soft")} style={{ height: LINE, transform: `translateY(${row.start}px)` }}>
                  <span className="w-12 shrink-0 pr-3 text-right text-faint select-none tabular">{number}</span>
                  <span className="pr-4 whitespace-pre">{line ? <Tokens tokens={line} /> : lines[row.index]}</span>
                </div>
              );
            })}
          </div>
          {file.clipped ? <p className="px-3 py-2 text-sm text-muted">{t("files.clipped")}</p> : null}
        </div>
      )}
    </>
  );
}
