import { ChevronRight, CircleCheck, CircleX, FilePen, Info, ListTodo, MessageSquare, ShieldAlert, SquareTerminal, Wrench } from "lucide-react";
import { memo, type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

import type { AttemptLine, CallView, EntryOf, WorkEntry } from "@/api/types";
import { duration } from "@/i18n/format";
import { spoken } from "@/i18n/said";
import { Markdown } from "@/parts/Markdown";
import { Delta } from "@/ui/Badge";
import { Spinner } from "@/ui/Button";
import { cx } from "@/ui/class";

import { useTaskPage } from "./context";

export const Entry = memo(function Entry({ entry }: { entry: WorkEntry; attempt: AttemptLine }) {
  switch (entry.kind) {
    case "step":
      return <Step step={entry} />;
    case "said":
      return <SaidLine entry={entry} />;
    case "check":
      return <CheckLine entry={entry} />;
    case "candidate":
      return <CandidateLine entry={entry} />;
    case "note":
      return <NoteLine entry={entry} />;
  }
});

function Line({ icon, children, aside, onClick, expanded, tone }: { icon: ReactNode; children: ReactNode; aside?: ReactNode; onClick?: () => void; expanded?: boolean; tone?: string }) {
  const inside = (
    <>
      <span className={cx("flex size-4 shrink-0 items-center justify-center", tone ?? "text-faint")}>{icon}</span>
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {aside ? <span className="shrink-0 text-xs text-faint tabular">{aside}</span> : null}
      {onClick ? <ChevronRight size={13} className={cx("shrink-0 text-faint transition-transform", expanded && "rotate-90")} /> : null}
    </>
  );
  const look = "flex w-full items-center gap-2 rounded-md px-1.5 py-1 text-left text-sm";
  return onClick ? (
    <button type="button" aria-expanded={expanded} onClick={onClick} className={cx(look, "hover:bg-sunken")}>
      {inside}
    </button>
  ) : (
    <div className={look}>{inside}</div>
  );
}

function Step({ step }: { step: EntryOf<"step"> }) {
  const { t } = useTranslation("task");
  const [thought, setThought] = useState(false);
  return (
    <div className="border-l border-line pb-1 pl-2.5">
      {step.reasoning ? (
        <>
          <Line icon={<MessageSquare size={13} />} expanded={thought} onClick={() => setThought(!thought)}>
            <span className="text-muted italic">{step.reasoning.split("\n")[0]}</span>
          </Line>
          {thought ? <p className="px-7 pb-1 text-sm whitespace-pre-wrap text-muted">{step.reasoning}</p> : null}
        </>
      ) : null}
      {step.text.trim() ? (
        <div className="px-1.5 py-1 text-sm text-ink">
          <Markdown text={step.text} />
        </div>
      ) : null}
      {step.calls.map((call) => (
        <Call key={call.call_id} call={call} />
      ))}
      {!step.text.trim() && step.calls.length === 0 ? <Line icon={<Info size={13} />}>{t("step.empty")}</Line> : null}
    </div>
  );
}

function outcome(call: CallView): { icon: ReactNode; tone: string } {
  if (call.status === "running") return { icon: <Spinner className="size-3!" />, tone: "text-accent-text" };
  const failed = call.status !== "completed" || (call.detail?.kind === "command" && call.detail.exit_code !== 0 && typeof call.detail.session !== "number");
  if (call.detail?.kind === "files") return { icon: <FilePen size={13} />, tone: failed ? "text-bad" : "text-faint" };
  if (call.detail?.kind === "plan") return { icon: <ListTodo size={13} />, tone: "text-faint" };
  if (call.detail?.kind === "command") return { icon: <SquareTerminal size={13} />, tone: failed ? "text-bad" : "text-good" };
  return { icon: <Wrench size={13} />, tone: failed ? "text-bad" : "text-faint" };
}

function Call({ call }: { call: CallView }) {
  const { t } = useTranslation("task");
  const { show } = useTaskPage();
  const [open, setOpen] = useState(false);
  const { icon, tone } = outcome(call);
  const { detail } = call;
  const command = detail?.kind === "command" ? detail.command : null;
  const aside = call.status === "interrupted" ? t("call.interrupted") : (call.seconds ?? 0) >= 0.1 ? duration(call.seconds ?? 0) : null;
  const exit = detail?.kind === "command" && detail.exit_code !== null && detail.exit_code !== 0 ? t("call.exit", { code: detail.exit_code }) : null;
  return (
    <div>
      <Line icon={icon} tone={tone} aside={[exit, aside].filter(Boolean).join(" · ")} expanded={open} onClick={() => setOpen(!open)}>
        {detail?.kind === "files" ? (
          <span className="inline-flex max-w-full items-center gap-2">
            <span className="truncate font-mono text-xs">{detail.changes.map((change) => change.path).join(", ")}</span>
            <Delta added={detail.changes.reduce((sum, change) => sum + change.added, 0)} removed={detail.changes.reduce((sum, change) => sum + change.removed, 0)} />
          </span>
        ) : (
          <span className={command !== null ? "font-mono text-xs" : ""}>{command ?? (call.summary || call.name)}</span>
        )}
      </Line>
      {open ? (
        <div className="mx-1.5 mb-2 overflow-hidden rounded-md border border-line">
          {command !== null ? <pre className="border-b border-line bg-sunken px-3 py-2 font-mono text-xs wrap-break-word whitespace-pre-wrap">$ {command}</pre> : null}
          <pre className="max-h-72 overflow-auto px-3 py-2 font-mono text-xs leading-5 wrap-break-word whitespace-pre-wrap text-muted scroll-thin">
            {(detail?.kind === "command" ? detail.output : call.content) || t("call.nothing")}
          </pre>
          <div className="flex gap-3 border-t border-line px-3 py-1.5 text-xs">
            {detail?.kind === "command" ? (
              <button type="button" className="text-accent-text hover:underline" onClick={() => show({ tab: "terminal", at: detail.chunk })}>
                {t("call.terminal")}
              </button>
            ) : null}
            {call.files ? (
              <button type="button" className="text-accent-text hover:underline" onClick={() => show({ tab: "files", from: call.seq })}>
                {t("call.files")}
              </button>
            ) : null}
          </div>
        </div>
      ) : null}
    </div>
  );
}

function SaidLine({ entry }: { entry: EntryOf<"said"> }) {
  const { t } = useTranslation("task");
  if (entry.why === "steer") {
    return <div className="my-2 ml-6 rounded-xl bg-sunken px-3.5 py-2 wrap-break-word whitespace-pre-wrap">{entry.text}</div>;
  }
  return (
    <Line icon={<Info size={13} />}>
      <span className="text-muted">{t("said", { text: entry.text.split("\n")[0] })}</span>
    </Line>
  );
}

function CheckLine({ entry }: { entry: EntryOf<"check"> }) {
  const { t } = useTranslation("task");
  const { show } = useTaskPage();
  const passed = entry.run.exit_code === 0;
  return (
    <button type="button" onClick={() => show({ tab: "terminal", at: entry.run.chunk })} className="flex w-full items-center gap-2 rounded-md px-1.5 py-1 text-left text-sm hover:bg-sunken">
      {passed ? <CircleCheck size={14} className="shrink-0 text-good" /> : <CircleX size={14} className="shrink-0 text-bad" />}
      <span className="min-w-0 flex-1 truncate">
        {t(`check.on.${entry.run.on}`)} <span className="font-mono text-xs">{entry.command}</span>
      </span>
      <span className="shrink-0 text-xs text-faint tabular">
        {entry.run.passed + entry.run.failed > 0 ? `${entry.run.passed}/${entry.run.passed + entry.run.failed} · ` : ""}
        {duration(entry.run.seconds)}
      </span>
    </button>
  );
}

function CandidateLine({ entry }: { entry: EntryOf<"candidate"> }) {
  const { t } = useTranslation("task");
  const [open, setOpen] = useState(false);
  const good = entry.outcome === "passed" || entry.outcome === "better";
  return (
    <div>
      <Line icon={<FilePen size={13} />} tone={good ? "text-good" : "text-faint"} aside={duration(entry.seconds)} expanded={open} onClick={() => setOpen(!open)}>
        {t("candidate", { outcome: t(`candidate.${entry.outcome}`) })}
      </Line>
      {open ? (
        <pre className="mx-1.5 mb-2 max-h-72 overflow-auto rounded-md border border-line px-3 py-2 font-mono text-xs leading-5 scroll-thin">
          {entry.note ? `${entry.note}\n\n` : ""}
          {entry.diff}
        </pre>
      ) : null}
    </div>
  );
}

function NoteLine({ entry }: { entry: EntryOf<"note"> }) {
  const { show } = useTaskPage();
  const refused = entry.event === "request_refused";
  const failed = entry.event === "set_up_failed";
  const to = refused ? ("details" as const) : failed ? ("terminal" as const) : null;
  return (
    <Line
      icon={refused ? <ShieldAlert size={13} /> : failed ? <SquareTerminal size={13} /> : <Info size={13} />}
      tone={failed ? "text-bad" : refused ? "text-warn" : "text-faint"}
      {...(to ? { onClick: () => show({ tab: to }) } : {})}
    >
      <span className="text-muted" title={spoken(entry.text)}>
        {spoken(entry.text)}
      </span>
    </Line>
  );
}
