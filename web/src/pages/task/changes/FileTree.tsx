import { Check } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import type { FileDiff } from "@/api/types";
import { cx } from "@/ui/class";

import { treeOf } from "./tree";

const SIGNS = { add: { sign: "A", tone: "text-good" }, update: { sign: "M", tone: "text-warn" }, delete: { sign: "D", tone: "text-bad" } };

export function FileTree({ files, current, viewed, onOpen }: { files: FileDiff[]; current: string | null; viewed: (file: FileDiff) => boolean; onOpen: (path: string) => void }) {
  const { t } = useTranslation("task");
  const lines = useMemo(() => treeOf(files), [files]);
  return (
    <nav aria-label={t("diff.tree")} className="w-60 shrink-0 overflow-y-auto border-r border-line py-1.5 scroll-thin max-lg:hidden">
      <ul>
        {lines.map((line) => (
          <li key={line.path} className={INDENT[Math.min(line.depth, 6)]}>
            {line.file ? (
              <button
                type="button"
                aria-current={line.path === current ? "true" : undefined}
                onClick={() => onOpen(line.path)}
                className={cx("flex w-full items-center gap-1.5 py-0.5 pr-2 pl-3 text-left text-sm hover:bg-sunken", line.path === current && "bg-sunken font-medium")}
                title={line.path}
              >
                <span className={cx("w-3 shrink-0 font-mono text-2xs", SIGNS[line.file.kind].tone)}>{SIGNS[line.file.kind].sign}</span>
                <span className={cx("min-w-0 flex-1 truncate", viewed(line.file) && "text-faint")}>{line.name}</span>
                {viewed(line.file) ? <Check size={12} aria-label={t("diff.seen")} className="shrink-0 text-good" /> : null}
              </button>
            ) : (
              <span className="block truncate py-0.5 pr-2 pl-3 text-xs text-faint" title={line.path}>
                {line.name}/
              </span>
            )}
          </li>
        ))}
      </ul>
    </nav>
  );
}

const INDENT = ["", "pl-2.5", "pl-5", "pl-7.5", "pl-10", "pl-12.5", "pl-15"];
