import { Check, ChevronRight, Circle, CircleDot, CornerDownRight, SquareTerminal } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useDraft, useLog } from "@/api/logs";
import { useTaskActs } from "@/api/tasks";
import type { AttemptLine, Message, TurnView } from "@/api/types";
import { type AttemptRef, useAttempt, useCommands } from "@/api/work";
import { duration, money } from "@/i18n/format";
import { spoken } from "@/i18n/said";
import { StatusIcon } from "@/parts/Status";
import { sayFailed } from "@/shell/errors";
import { Badge } from "@/ui/Badge";
import { Button } from "@/ui/Button";
import { cx } from "@/ui/class";
import { Input } from "@/ui/Field";
import { Note } from "@/ui/States";
import { Ago, Elapsed } from "@/ui/Time";

import { useTaskPage } from "./context";

export function Prompt({ turn }: { turn: TurnView }) {
  const { t } = useTranslation("task");
  const { view } = useTaskPage();
  return (
    <article aria-label={t("prompt.label", { number: turn.number })} className="my-3 rounded-xl bg-sunken px-4 py-3">
      <header className="mb-1 flex flex-wrap items-center gap-x-2 text-xs text-muted">
        <span className="font-medium text-ink">{turn.author_name ?? t("you")}</span>
        <Ago at={turn.created} />
        {turn.mode !== "code" ? <Badge>{t(`mode.${turn.mode}`, { ns: "common" })}</Badge> : null}
      </header>
      <div className="leading-6 wrap-break-word whitespace-pre-wrap">{turn.prompt}</div>
      {turn.images.length > 0 ? (
        <ul className="mt-2 flex flex-wrap gap-2">
          {turn.images.map((image, index) => (
            <li key={image}>
              <a href={`/api/v1/tasks/${view.task.id}/images/${image}`} target="_blank" rel="noreferrer">
                <img
                  src={`/api/v1/tasks/${view.task.id}/images/${image}`}
                  alt={t("image", { number: index + 1 })}
                  loading="lazy"
                  className="size-24 rounded-md border border-line object-cover"
                />
              </a>
            </li>
          ))}
        </ul>
      ) : null}
    </article>
  );
}

export function AttemptChips({ turn, shown, onPick }: { turn: TurnView; shown: AttemptLine; onPick: (turn: number, attempt: string) => void }) {
  const { t } = useTranslation("task");
  const { show, search, view } = useTaskPage();
  return (
    <div role="group" aria-label={t("attempts")} className="my-2 flex flex-wrap gap-1.5">
      {turn.attempts.map((attempt) => (
        <button
          key={attempt.id}
          type="button"
          aria-pressed={attempt.id === shown.id}
          onClick={() => {
            onPick(turn.number, attempt.id);
            if (turn.number === view.task.turn) show({ ...search, attempt: attempt.name });
          }}
          className="inline-flex h-7.5 items-center gap-1.5 rounded-full border border-line px-2.5 text-sm text-muted transition-colors hover:text-ink aria-pressed:border-accent aria-pressed:bg-accent-soft aria-pressed:text-ink"
        >
          <StatusIcon status={attempt.status} verdict={attempt.verdict} size={14} />
          {t("attempt", { number: attempt.number })}
          {attempt.chosen ? <Check size={13} aria-label={t("chosen")} className="text-good" /> : null}
        </button>
      ))}
    </div>
  );
}

const PLAN_ICONS = {
  completed: <Check size={14} className="text-good" />,
  in_progress: <CircleDot size={14} className="text-accent-text" />,
  pending: <Circle size={14} className="text-faint" />,
};

export function Plan({ attempt }: { attempt: AttemptLine }) {
  const { t } = useTranslation("task");
  const { logs, view } = useTaskPage();
  const live = useLog(logs, attempt.id).plan;
  const fetched = useAttempt({ task: view.task.id, attempt: attempt.id }).data?.plan ?? [];
  const plan = live.length > 0 ? live : fetched;
  if (plan.length === 0) return null;
  const done = plan.filter((step) => step.status === "completed").length;
  return (
    <section aria-label={t("plan")} className="my-2 rounded-lg border border-line px-3 py-2">
      <h3 className="mb-1 flex justify-between text-xs font-medium text-muted">
        {t("plan")}
        <span className="tabular">
          {done}/{plan.length}
        </span>
      </h3>
      <ol className="flex flex-col gap-1">
        {plan.map((step, index) => (
          <li key={index} className={cx("flex items-start gap-2", step.status === "completed" && "text-muted")}>
            <span className="mt-1 shrink-0" role="img" aria-label={t(`plan.${step.status}`)}>
              {PLAN_ICONS[step.status]}
            </span>
            <span className={cx(step.status === "in_progress" && "font-medium")}>{step.step}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** "Worked for 4 min, 23 commands": what the log below it comes to. */
export function LogHeading({ attempt, open, live, onToggle }: { attempt: AttemptLine; open: boolean; live: boolean; onToggle: (attempt: string) => void }) {
  const { t } = useTranslation("task");
  const { summary } = attempt;
  return (
    <button
      type="button"
      aria-expanded={open}
      onClick={() => onToggle(attempt.id)}
      className="flex w-full flex-wrap items-center gap-x-1.5 rounded-md py-1.5 text-left text-sm whitespace-nowrap text-muted transition-colors hover:text-ink"
    >
      <ChevronRight size={15} className={cx("shrink-0 transition-transform", open && "rotate-90")} />
      {attempt.began ? (
        <span>
          {live ? t("log.working") : t("log.worked")} <Elapsed since={attempt.began} until={live ? null : attempt.ended} />
        </span>
      ) : (
        <span>{t("log.starting")}</span>
      )}
      {summary.steps > 0 ? (
        <>
          <span className="text-faint">·</span>
          <span>{t("log.steps", { count: summary.steps })}</span>
        </>
      ) : null}
      {summary.commands > 0 ? (
        <>
          <span className="text-faint">·</span>
          <span>{t("log.commands", { count: summary.commands })}</span>
        </>
      ) : null}
      {summary.usage.cost ? (
        <>
          <span className="text-faint">·</span>
          <span className="tabular">{money(summary.usage.cost)}</span>
        </>
      ) : null}
    </button>
  );
}

export function Progress({ attempt }: { attempt: AttemptLine }) {
  const { t } = useTranslation("task");
  const { logs } = useTaskPage();
  const { progress } = useLog(logs, attempt.id);
  const draft = useDraft(logs, attempt.id);
  const last = progress || attempt.summary.line;
  const writes = draft !== null && draft.written > draft.reasoning.length;
  const line = writes && !progress ? t("draft.written", { count: draft.written }) : !last || last === "thinking" ? t("thinking") : last;
  return (
    <p className="flex items-center gap-2 py-1.5 text-sm text-muted">
      <span aria-hidden className="size-2 shrink-0 animate-breathe rounded-full bg-accent" />
      <span className="truncate">{line}</span>
    </p>
  );
}

/** A message that no attempt has read yet: it is at the end of its step. */
export function Pending({ message }: { message: Message }) {
  const { t } = useTranslation("task");
  return (
    <div className="my-2 flex items-start gap-2 rounded-lg border border-dashed border-line px-3 py-2 text-muted">
      <CornerDownRight size={15} className="mt-0.5 shrink-0" />
      <div className="min-w-0">
        <p className="wrap-break-word whitespace-pre-wrap">{message.text || t(`message.${message.kind}`)}</p>
        <p className="text-xs text-faint">{t("message.pending")}</p>
      </div>
    </div>
  );
}

export function TurnState({ turn }: { turn: TurnView }) {
  const { t } = useTranslation("task");
  const { view, ref } = useTaskPage();
  const { task } = view;
  const acts = useTaskActs(task.id);
  if (turn.status === "queued") return <Note className="my-2">{spoken(turn.reason || task.reason) || t("state.queued")}</Note>;
  const why = spoken(turn.reason || task.reason) || (task.stop ? t("state.because", { why: t(`stop.${task.stop}`, { ns: "common" }) }) : "");
  return (
    <Note
      kind={turn.status === "failed" ? "bad" : "warn"}
      className="my-2"
      title={t(`state.${turn.status === "failed" ? "failed" : turn.status === "cancelled" ? "cancelled" : "interrupted"}`)}
      actions={
        view.acts.includes("retry") ? (
          <Button
            size="sm"
            busy={acts.retry.isPending && t("retrying")}
            onClick={() => acts.retry.mutate(undefined, { onError: (error) => sayFailed(error, t("retryFailed")) })}
          >
            {t("goOn")}
          </Button>
        ) : null
      }
    >
      <span className="block whitespace-pre-wrap">{why}</span>
      {turn.status === "failed" && ref ? <SetUpOutput of={ref} /> : null}
      {view.acts.includes("approve") ? <Approve /> : null}
    </Note>
  );
}

/** Where the set-up of the environment failed, all that it wrote is a press away. */
function SetUpOutput({ of }: { of: AttemptRef }) {
  const { t } = useTranslation("task");
  const { show } = useTaskPage();
  const failed = useCommands(of).data?.findLast((command) => command.origin === "setup" && command.exit_code !== 0);
  if (!failed) return null;
  return (
    <Button size="sm" className="mt-2" icon={<SquareTerminal size={13} />} onClick={() => show({ tab: "terminal", at: failed.chunk })}>
      {t("state.setUp")}
    </Button>
  );
}

/** More money for a task that has used up what it was given. */
function Approve() {
  const { t } = useTranslation("task");
  const { view } = useTaskPage();
  const acts = useTaskActs(view.task.id);
  const spent = view.task.usage.cost ?? 0;
  const [cost, setCost] = useState(() => String(Math.max(1, Math.ceil(spent * 2))));
  const value = Number(cost);
  const right = Number.isFinite(value) && value > spent;
  return (
    <form
      className="mt-2 flex flex-wrap items-center gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        if (right) acts.approve.mutate({ cost: value }, { onError: (error) => sayFailed(error, t("approve.failed")) });
      }}
    >
      <label className="flex items-center gap-2 text-ink">
        {t("approve.label", { spent: money(spent), time: duration(0) })}
        <Input type="number" min={spent} step="0.5" value={cost} onChange={(event) => setCost(event.target.value)} className="w-24!" />
      </label>
      <Button type="submit" size="sm" look="primary" disabled={!right} busy={acts.approve.isPending && t("approve.busy")}>
        {t("approve")}
      </Button>
    </form>
  );
}
