import { ArrowDown, ArrowUp, Minus, Trash2, WandSparkles } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import type { Review } from "@/api/types";
import { Markdown } from "@/parts/Markdown";
import { Badge, type Tone } from "@/ui/Badge";
import { Button, IconButton } from "@/ui/Button";
import { Textarea } from "@/ui/Field";

import { type Lines, lineWords } from "./lines";

export type Finding = NonNullable<Review["findings"]>[number];
export type Widen = "above" | "below" | "less";

interface CommentBoxProps {
  lines: Lines;
  text: string;
  onType: (text: string) => void;
  onSave: (text: string) => void;
  onClose: () => void;
  /** Takes one more line in, or one out; null where there is none. */
  onWiden: Record<Widen, (() => void) | null>;
}

const WIDEN: { by: Widen; icon: ReactNode; keys: string }[] = [
  { by: "above", icon: <ArrowUp size={13} />, keys: "Alt+ArrowUp" },
  { by: "below", icon: <ArrowDown size={13} />, keys: "Alt+ArrowDown" },
  { by: "less", icon: <Minus size={13} />, keys: "Alt+Shift+ArrowUp" },
];

/** A remark that is being written below its lines. */
export function CommentBox({ lines, text, onType, onSave, onClose, onWiden }: CommentBoxProps) {
  const { t } = useTranslation("task");
  const words = lineWords(lines);
  const where = `${lines.path}:${words}`;
  return (
    <form
      className="m-2 max-w-2xl rounded-lg border border-line bg-raised p-2.5 font-sans shadow-card"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim()) onSave(text.trim());
      }}
    >
      <div className="mb-1.5 flex items-center gap-1">
        <p className="min-w-0 flex-1 truncate text-xs text-muted" role="status">
          {t(lines.end > lines.start ? "comment.lines" : "comment.line", { lines: words })}
          {lines.side === "old" ? ` · ${t("comment.before")}` : ""}
        </p>
        {WIDEN.map(({ by, icon, keys }) => (
          <IconButton key={by} size="sm" label={t(`comment.${by}`)} aria-keyshortcuts={keys} icon={icon} disabled={onWiden[by] === null} onClick={() => onWiden[by]?.()} />
        ))}
      </div>
      <Textarea
        // The person has just asked for it.
        // eslint-disable-next-line jsx-a11y/no-autofocus
        autoFocus
        rows={3}
        value={text}
        aria-label={t("comment.label", { where })}
        placeholder={t("comment.placeholder")}
        onChange={(event) => onType(event.target.value)}
        onFocus={(event) => event.currentTarget.setSelectionRange(text.length, text.length)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onClose();
          if (event.key === "Enter" && (event.metaKey || event.ctrlKey) && text.trim()) onSave(text.trim());
          const by = event.altKey ? { ArrowUp: event.shiftKey ? ("less" as const) : ("above" as const), ArrowDown: "below" as const }[event.key] : undefined;
          if (by) {
            event.preventDefault();
            onWiden[by]?.();
          }
        }}
      />
      <div className="mt-2 flex items-center justify-end gap-2">
        <p className="flex-1 text-xs text-faint">{t("comment.about")}</p>
        <Button size="sm" onClick={onClose}>
          {t("cancel", { ns: "common" })}
        </Button>
        <Button size="sm" look="primary" type="submit" disabled={!text.trim()}>
          {t("comment.save")}
        </Button>
      </div>
    </form>
  );
}

export function CommentNote({ lines, text, onEdit, onDrop }: { lines: Lines; text: string; onEdit: () => void; onDrop: () => void }) {
  const { t } = useTranslation("task");
  return (
    <div className="m-2 flex max-w-2xl items-start gap-2 rounded-lg border border-accent/40 bg-accent-soft px-3 py-2 font-sans">
      <button type="button" onClick={onEdit} className="min-w-0 flex-1 text-left wrap-break-word whitespace-pre-wrap">
        {lines.end > lines.start ? <span className="mb-0.5 block text-xs text-muted">{t("comment.lines", { lines: lineWords(lines) })}</span> : null}
        {text}
      </button>
      <IconButton size="sm" label={t("comment.drop")} icon={<Trash2 size={13} />} onClick={onDrop} />
    </div>
  );
}

const TONES: Tone[] = ["bad", "bad", "warn", "neutral"];

/** What a review found, at its lines. */
export function FindingNote({ finding, place, onFix, fixing }: { finding: Finding; place?: ReactNode; onFix: (() => void) | null; fixing: boolean }) {
  const { t } = useTranslation("task");
  const { priority } = finding;
  return (
    <section aria-label={t("finding", { title: finding.title })} className="m-2 max-w-2xl rounded-lg border border-line-strong bg-raised px-3 py-2 font-sans shadow-card">
      <header className="flex items-start gap-2">
        <Badge tone={TONES[priority] ?? "neutral"} title={t(`finding.P${priority as 0 | 1 | 2 | 3}`)}>
          P{priority}
        </Badge>
        <h3 className="min-w-0 flex-1 font-medium wrap-anywhere">{finding.title}</h3>
        <span className="shrink-0 text-xs text-muted">{place ?? t(finding.end > finding.start ? "comment.lines" : "comment.line", { lines: lineWords(finding) })}</span>
      </header>
      {finding.body ? (
        <div className="mt-1 text-sm">
          <Markdown text={finding.body} />
        </div>
      ) : null}
      {onFix ? (
        <div className="mt-1.5 flex items-center gap-2">
          <Button size="sm" icon={<WandSparkles size={13} />} disabled={fixing} onClick={onFix}>
            {fixing ? t("finding.fixing") : t("finding.fix")}
          </Button>
        </div>
      ) : null}
    </section>
  );
}
