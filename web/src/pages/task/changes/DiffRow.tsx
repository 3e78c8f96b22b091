import { ArrowDown, ArrowUp, UnfoldVertical } from "lucide-react";
import { useTranslation } from "react-i18next";

import { IconButton } from "@/ui/Button";

import { type Draft, dropComment, keyOf, saveComment } from "../comments";
import { CommentBox, CommentNote } from "./Comment";
import { type Range, STRETCH, stretch } from "./expanded";
import { CodeLine } from "./Line";
import type { Row, Side } from "./rows";
import type { Colours } from "./useHunkTokens";

/** Where a remark is being written: a line of a file, or several. */
export interface Target {
  path: string;
  side: "old" | "new";
  start: number;
  end: number;
}

interface DiffRowProps {
  row: Exclude<Row, { kind: "file" }>;
  colours: Colours;
  comments: readonly Draft[];
  target: Target | null;
  onTarget: (target: Target | null) => void;
  task: string;
  onOpen: (range: Range) => void;
}

/** A row of the diff: a line with what was remarked on it, what is hidden between two changes, a note. */
export function DiffRow({ row, colours, comments, target, onTarget, task, onOpen }: DiffRowProps) {
  const { t } = useTranslation("task");
  const { path } = row.file;
  if (row.kind === "hunk") return <Gap row={row} onOpen={onOpen} />;
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

/** Lines that are not shown. Each press opens some next to what is shown, or all of them. */
function Gap({ row, onOpen }: { row: Extract<Row, { kind: "hunk" }>; onOpen: (range: Range) => void }) {
  const { t } = useTranslation("task");
  const { gap, hidden, place } = row;
  const all = hidden !== null && hidden <= STRETCH;
  const words = hidden === null ? t("diff.hiddenRest") : t("diff.hidden", { count: hidden });
  const about = { count: STRETCH, path: row.file.path };
  return (
    <div className="flex h-7 items-center gap-1 bg-sunken px-1.5 text-muted">
      {!all && place !== "first" ? (
        <IconButton size="sm" label={t("diff.openAbove", about)} icon={<ArrowDown size={13} />} onClick={() => onOpen(stretch(gap, "above"))} />
      ) : null}
      {!all && place !== "last" ? (
        <IconButton size="sm" label={t("diff.openBelow", about)} icon={<ArrowUp size={13} />} onClick={() => onOpen(stretch(gap, "below"))} />
      ) : null}
      <button type="button" onClick={() => onOpen(gap)} className="flex min-w-0 flex-1 items-center gap-2 rounded-sm px-1.5 text-left font-mono text-2xs hover:text-ink">
        <UnfoldVertical size={12} className="shrink-0" />
        <span className="shrink-0">{words}</span>
        <span className="truncate text-faint">{row.heading}</span>
      </button>
    </div>
  );
}
