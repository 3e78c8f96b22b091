import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import type { FileDiff } from "@/api/types";

import { FileHeading } from "./FileHeading";
import { CodeLine } from "./Line";
import { rowsOf } from "./rows";
import { useHunkTokens, type WholeOf } from "./useHunkTokens";

/** Changes to be read, without remarks and marks. */
export function PlainDiff({ files, label, wholeOf }: { files: FileDiff[]; label: string; wholeOf: WholeOf }) {
  const { t } = useTranslation("task");
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const box = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => rowsOf(files, "unified", folded), [files, folded]);
  // eslint-disable-next-line react-hooks/incompatible-library -- it is not memoised, as the library asks
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => (rows[index]?.kind === "file" ? 45 : 20),
    getItemKey: useCallback((index: number) => rows[index]?.key ?? index, [rows]),
    overscan: 20,
  });
  const all = useMemo(() => new Set(files.map((file) => file.path)), [files]);
  const colours = useHunkTokens(files, all, wholeOf);
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is scrolled by keys, too
    <div ref={box} tabIndex={0} role="region" aria-label={label} className="max-h-[70vh] overflow-y-auto scroll-thin">
      <div className="relative" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          return (
            <div key={item.key} ref={virtual.measureElement} data-index={item.index} className="absolute inset-x-0 top-0" style={{ transform: `translateY(${item.start}px)` }}>
              {row.kind === "file" ? (
                <FileHeading
                  file={row.file}
                  folded={folded.has(row.file.path)}
                  onFold={() =>
                    setFolded((before) => {
                      const after = new Set(before);
                      if (!after.delete(row.file.path)) after.add(row.file.path);
                      return after;
                    })
                  }
                />
              ) : row.kind === "hunk" ? (
                <p className="flex h-7 items-center gap-3 bg-sunken px-3 font-mono text-2xs text-muted">
                  {row.hidden ? t("diff.hidden", { count: row.hidden }) : "⋯"}
                  <span className="truncate text-faint">{row.heading}</span>
                </p>
              ) : row.kind === "line" ? (
                <div className="flex">
                  <CodeLine
                    line={row.line}
                    side={row.line.kind === "-" ? "old" : "new"}
                    numbers="both"
                    tokens={colours.get(`${row.file.path} ${row.hunk}`)?.[row.index]}
                    changed={row.changed}
                    onComment={null}
                    marked={null}
                  />
                </div>
              ) : row.kind === "note" ? (
                <p className="px-4 py-2.5 text-muted">{t(`diff.note.${row.note}`)}</p>
              ) : null}
            </div>
          );
        })}
      </div>
    </div>
  );
}
