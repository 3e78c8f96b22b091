import { ChevronRight, UnfoldVertical } from "lucide-react";
import { useTranslation } from "react-i18next";

import type { FileDiff } from "@/api/types";
import { Badge, Delta } from "@/ui/Badge";
import { IconButton } from "@/ui/Button";
import { cx } from "@/ui/class";
import { Copy } from "@/ui/Copy";

interface FileHeadingProps {
  file: FileDiff;
  folded: boolean;
  onFold: (all: boolean) => void;
  whole?: boolean;
  onWhole?: () => void;
  viewed?: boolean;
  onViewed?: (viewed: boolean) => void;
}

export function FileHeading({ file, folded, whole = false, viewed = false, onFold, onWhole, onViewed }: FileHeadingProps) {
  const { t } = useTranslation("task");
  return (
    <div className="flex h-11 items-center gap-2 border-t border-b border-line bg-surface px-2">
      <button
        type="button"
        aria-expanded={!folded}
        title={t("diff.foldAll")}
        onClick={(event) => onFold(event.altKey)}
        className="flex min-w-0 flex-1 items-center gap-1.5 rounded-sm text-left font-mono text-xs"
      >
        <ChevronRight size={14} className={cx("shrink-0 text-muted transition-transform", !folded && "rotate-90")} />
        <span className="truncate" dir="rtl">
          <bdi>{file.path}</bdi>
        </span>
      </button>
      {file.kind !== "update" ? <Badge tone={file.kind === "add" ? "good" : "bad"}>{t(`diff.kind.${file.kind}`)}</Badge> : null}
      <Delta added={file.added} removed={file.removed} />
      <Copy text={file.path} label={t("diff.copyPath")} />
      {onWhole ? (
        <IconButton size="sm" label={whole ? t("diff.lessContext") : t("diff.allContext")} aria-pressed={whole} icon={<UnfoldVertical size={14} />} onClick={onWhole} />
      ) : null}
      {onViewed ? (
        <label className="flex items-center gap-1.5 text-xs text-muted">
          <input type="checkbox" checked={viewed} onChange={(event) => onViewed(event.target.checked)} className="accent-(--accent)" />
          <span className="max-sm:sr-only">{t("diff.seen")}</span>
        </label>
      ) : null}
    </div>
  );
}
