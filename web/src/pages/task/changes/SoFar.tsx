import { FileDiff as FileIcon, FilePen } from "lucide-react";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { useLog } from "@/api/logs";
import type { Change } from "@/api/types";
import { Delta } from "@/ui/Badge";
import { Empty } from "@/ui/States";

import { useTaskPage } from "../context";

/** What an attempt at work has changed by now, by its own calls; the diff is made of its result. */
export function SoFar() {
  const { t } = useTranslation("task");
  const { logs, attempt, show } = useTaskPage();
  const id = attempt?.id ?? null;
  useEffect(() => {
    if (id) void logs.load(id);
  }, [id, logs]);
  const log = useLog(logs, id);
  const changed = new Map<string, Change>();
  for (const entry of log.entries) {
    if (entry.kind !== "step") continue;
    for (const call of entry.calls) {
      if (call.detail?.kind !== "files" || call.status !== "completed") continue;
      for (const change of call.detail.changes) {
        const before = changed.get(change.path);
        changed.set(change.path, { ...change, added: change.added + (before?.added ?? 0), removed: change.removed + (before?.removed ?? 0) });
      }
    }
  }
  if (changed.size === 0) {
    const over = attempt !== null && attempt.status !== "queued" && attempt.status !== "running";
    return (
      <Empty icon={<FileIcon size={32} />} title={over ? t("diff.none") : t("diff.none.yet")}>
        {over ? t("diff.none.overAbout") : t("diff.none.yetAbout")}
      </Empty>
    );
  }
  return (
    <div className="p-4">
      <p className="mb-2 text-muted">{t("diff.soFarFiles")}</p>
      <ul className="divide-y divide-line overflow-hidden rounded-lg border border-line bg-surface">
        {[...changed.values()].map((change) => (
          <li key={change.path}>
            <button type="button" onClick={() => show({ tab: "files", at: change.path })} className="flex w-full items-center gap-2 px-3 py-2 text-left hover:bg-sunken">
              <FilePen size={14} className="shrink-0 text-faint" />
              <span className="min-w-0 flex-1 truncate font-mono text-xs">{change.path}</span>
              <Delta added={change.added} removed={change.removed} />
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
