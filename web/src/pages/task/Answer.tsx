import { FileCode2, Globe, GlobeLock, SquareTerminal, TriangleAlert } from "lucide-react";
import { useCallback } from "react";
import { useTranslation } from "react-i18next";

import type { AttemptLine, AttemptView, Citation } from "@/api/types";
import { type AttemptRef, useAttempt } from "@/api/work";
import { spoken } from "@/i18n/said";
import { Markdown } from "@/parts/Markdown";
import type { Pointer } from "@/parts/node";
import { VerdictBadge } from "@/parts/Status";
import { Ticked } from "@/parts/Ticked";
import { Failed } from "@/shell/Failed";
import { Delta } from "@/ui/Badge";
import { cx } from "@/ui/class";
import { Copy } from "@/ui/Copy";
import { Hint } from "@/ui/Hint";
import { Working } from "@/ui/States";

import { useTaskPage } from "./context";

/** What an attempt came to: its words with their citations, and what the harness saw. */
export function Answer({ attempt }: { attempt: AttemptLine }) {
  const { t } = useTranslation("task");
  const { view, show } = useTaskPage();
  const ref: AttemptRef = { task: view.task.id, attempt: attempt.id };
  const query = useAttempt(ref);
  const result = query.data?.result ?? null;
  const citations = result?.citations;
  const cite = useCallback(
    (pointer: Pointer, index: number) => {
      const known = citations?.[index];
      const citation = known?.target === pointer.target && known.start === pointer.start ? known : citations?.find((each) => each.target === pointer.target && each.start === pointer.start);
      return <Cited pointer={pointer} citation={citation} attempt={attempt.name} />;
    },
    [citations, attempt.name],
  );
  if (query.isPending) return <Working>{t("answer.loading")}</Working>;
  if (!query.data) return <Failed error={query.error} className="my-2" onRetry={() => void query.refetch()} />;
  const { answer, message } = query.data;
  return (
    <article aria-label={t("answer")} className="group/answer my-2">
      {answer.trim() ? <Markdown text={answer} cite={cite} /> : message ? <p className="text-muted">{message}</p> : null}
      {result ? (
        <section aria-label={t("evidence")} className="mt-3 rounded-lg border border-line px-3.5 py-2.5">
          <div className="flex flex-wrap items-center gap-2">
            <VerdictBadge verdict={result.verdict} />
            {result.changes.length > 0 ? (
              <button type="button" onClick={() => show({ tab: "changes", attempt: attempt.name })} className="inline-flex items-center gap-2 rounded-sm text-sm hover:underline">
                {t("files", { count: result.changes.length })}
                <Delta added={attempt.summary.added} removed={attempt.summary.removed} />
              </button>
            ) : null}
            <Network opened={query.data.opened} />
            <span className="flex-1" />
            {answer.trim() ? <Copy text={answer} label={t("answer.copy")} /> : null}
          </div>
          {result.sentences.length > 0 ? (
            <ul className="mt-1.5 flex flex-col gap-0.5 text-sm text-muted">
              {result.sentences.map((sentence) => (
                <li key={sentence}>
                  <button type="button" className="text-left wrap-anywhere hover:text-ink" onClick={() => show({ tab: "checks", attempt: attempt.name })}>
                    <Ticked text={spoken(sentence)} />
                  </button>
                </li>
              ))}
            </ul>
          ) : null}
          {result.warnings.map((warning) => (
            <p key={warning} className="mt-1.5 flex items-start gap-1.5 text-sm text-warn">
              <TriangleAlert size={14} className="mt-0.5 shrink-0" />
              <span className="min-w-0 wrap-anywhere">
                <Ticked text={spoken(warning)} />
              </span>
            </p>
          ))}
        </section>
      ) : null}
    </article>
  );
}

/** Whether the sandbox had a way out; which one stands in the details. */
function Network({ opened }: { opened: AttemptView["opened"] }) {
  const { t } = useTranslation("task");
  const { show } = useTaskPage();
  if (!opened) return null;
  const out = opened.probes.length > 0;
  return (
    <button
      type="button"
      title={opened.environment || t("network.off")}
      onClick={() => show({ tab: "details" })}
      className="inline-flex items-center gap-1 rounded-sm text-sm text-muted hover:text-ink hover:underline"
    >
      {out ? <Globe size={13} aria-hidden /> : <GlobeLock size={13} aria-hidden />}
      {out ? t("network.some") : t("network.off")}
    </button>
  );
}

function Cited({ pointer, citation, attempt }: { pointer: Pointer; citation: Citation | undefined; attempt: string }) {
  const { t } = useTranslation("task");
  const { show } = useTaskPage();
  const lines = pointer.end > pointer.start ? `${pointer.start}–${pointer.end}` : String(pointer.start);
  const name = pointer.kind === "file" ? (pointer.target.split("/").at(-1) ?? pointer.target) : pointer.target;
  const held = citation?.supported ?? false;
  const where = { attempt, at: pointer.target, from: pointer.start, to: pointer.end };
  const said = citation ? (held ? t("cite.held", { target: pointer.target, lines }) : t("cite.unheld", { reason: spoken(citation.reason) })) : t("cite.unknown");
  return (
    <Hint text={said}>
      <button
        type="button"
        aria-label={`${name}:${lines}. ${pointer.kind === "file" ? t("cite.file", { target: pointer.target, lines }) : t("cite.terminal", { target: pointer.target, lines })}. ${said}`}
        onClick={() => show({ tab: pointer.kind === "file" ? "files" : "terminal", ...where })}
        className={cx(
          "mx-0.5 inline-flex items-center gap-1 rounded-md px-1.5 align-baseline font-mono text-2xs transition-colors",
          held ? "bg-accent-soft text-accent-text hover:underline" : "bg-bad-soft text-bad line-through decoration-1 hover:no-underline",
        )}
      >
        {held ? pointer.kind === "file" ? <FileCode2 size={11} /> : <SquareTerminal size={11} /> : <TriangleAlert size={11} />}
        {name}:{lines}
      </button>
    </Hint>
  );
}
