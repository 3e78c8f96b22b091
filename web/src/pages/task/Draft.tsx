import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";

import { useDraft } from "@/api/logs";
import type { AttemptLine } from "@/api/types";
import { Unfinished } from "@/parts/Markdown";

import { useTaskPage } from "./context";

/** Characters of the end of what is thought that are shown. */
const THOUGHT = 1200;

/** What an attempt's model writes just now: what it says, and until it says something what it thinks. */
export function Draft({ attempt }: { attempt: AttemptLine }) {
  const { t } = useTranslation("task");
  const { logs } = useTaskPage();
  const now = useDraft(logs, attempt.id);
  // Many pieces come in a second; those that cannot be painted in time are passed over.
  const draft = useDeferredValue(now);
  if (!draft) return null;
  if (draft.text.trim()) {
    return (
      <section aria-label={t("draft")} aria-busy data-draft className="border-l border-accent py-1 pl-4 text-sm text-ink">
        <Unfinished text={draft.text} />
      </section>
    );
  }
  return (
    <section aria-label={t("draft.thinking")} aria-busy data-draft className="border-l border-line py-1 pl-4 text-sm">
      <div className="flex max-h-30 flex-col justify-end overflow-hidden">
        <p className="wrap-break-word whitespace-pre-wrap text-muted italic">{draft.reasoning.slice(-THOUGHT)}</p>
      </div>
    </section>
  );
}

/** Tells readers of the screen that something is being written, once, and that it has come to its end. */
export function Written({ running, writes }: { running: boolean; writes: boolean }) {
  const { t } = useTranslation("task");
  const [begun, setBegun] = useState(false);
  if (writes && !begun) setBegun(true);
  return (
    <p aria-live="polite" className="sr-only">
      {begun ? t(running ? "draft.begun" : "draft.ended") : ""}
    </p>
  );
}
