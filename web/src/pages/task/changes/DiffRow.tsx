import { ArrowDown, ArrowUp, UnfoldVertical } from "lucide-react";
import { useTranslation } from "react-i18next";

import { IconButton } from "@/ui/Button";

import { CommentBox, CommentNote, type Finding, FindingNote } from "./Comment";
import { type Range, STRETCH, stretch } from "./expanded";
import { CodeLine } from "./Line";
import { type Lines, numberOn } from "./lines";
import { linesOf, placeKey } from "./remarks";
import type { Row, Side } from "./rows";
import type { Colours } from "./useHunkTokens";
import type { Remarking } from "./useRemarks";

interface DiffRowProps {
  row: Exclude<Row, { kind: "file" }>;
  colours: Colours;
  remarking: Remarking;
  onOpen: (range: Range) => void;
}

/** A row of the diff: a line with what was remarked on it, what is hidden between two changes, a note. */
export function DiffRow({ row, colours, remarking, onOpen }: DiffRowProps) {
  const { t } = useTranslation("task");
  const { path } = row.file;
  if (row.kind === "hunk") return <Gap row={row} onOpen={onOpen} />;
  if (row.kind === "note") return <p className="px-4 py-2.5 text-muted">{t(`diff.note.${row.note}`)}</p>;
  const tokens = colours.get(`${path} ${row.hunk}`);
  const line = (side: Side, numbers: "both" | "old" | "new") => {
    const name = side.line.kind === "-" ? "old" : "new";
    const number = side.line[name] ?? 1;
    const own: Lines = { path, side: name, start: number, end: number };
    return (
      <CodeLine
        line={side.line}
        side={name}
        numbers={numbers}
        tokens={tokens?.[side.index]}
        changed={side.changed}
        marked={remarking.markOf(path, side.line)}
        onComment={numbers === "old" && side.line.kind === " " ? null : (more) => remarking.pick(own, more)}
      />
    );
  };
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
      <Below row={row} side="old" remarking={remarking} />
      <Below row={row} side="new" remarking={remarking} />
    </>
  );
}

/** What is remarked on the lines that end with this one, on one of its sides. */
function Below({ row, side, remarking }: { row: Extract<Row, { kind: "line" | "pair" }>; side: Lines["side"]; remarking: Remarking }) {
  const number = numberOn(row, side);
  if (number === null) return null;
  const { path } = row.file;
  const remarks = remarking.at.get(placeKey(path, side, number));
  const writing = remarking.writingAt(path, side, number);
  return (
    <>
      {remarks?.findings.map((finding: Finding, index) => (
        <FindingNote key={`finding ${index}`} finding={finding} fixing={remarking.isFixed(finding)} onFix={remarking.fix === null ? null : () => remarking.fix?.(finding)} />
      ))}
      {remarks?.drafts.map((draft) =>
        draft.key === writing?.key ? null : (
          <CommentNote key={draft.key} lines={linesOf(draft)} text={draft.text} onEdit={() => remarking.edit(draft)} onDrop={() => remarking.drop(draft)} />
        ),
      )}
      {writing ? (
        <CommentBox
          lines={writing.lines}
          text={writing.text}
          onType={remarking.type}
          onSave={remarking.save}
          onClose={remarking.close}
          onWiden={{ above: remarking.widen("above"), below: remarking.widen("below"), less: remarking.widen("less") }}
        />
      ) : null}
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
