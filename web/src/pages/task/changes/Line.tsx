import { MessageSquarePlus } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import type { DiffLine } from "@/api/types";
import type { Token } from "@/parts/highlight";
import { cx } from "@/ui/class";

import type { Span } from "./rows";

const GROUND = { "+": "bg-good-soft", "-": "bg-bad-soft", " ": "" };
const MARK = { "+": "bg-good/25", "-": "bg-bad/25", " ": "" };
const SIGN = { "+": "text-good", "-": "text-bad", " ": "text-transparent" };

/** A line in its colours, with what changed in it marked. */
export function Painted({ text, tokens, changed, mark }: { text: string; tokens: readonly Token[] | undefined; changed: Span | null; mark: string }) {
  const whole = tokens?.map((token) => token.text).join("") === text ? tokens : [{ text, kind: "" }];
  const parts: ReactNode[] = [];
  let at = 0;
  whole.forEach((token, index) => {
    const end = at + token.text.length;
    const from = changed ? Math.min(Math.max(changed.start, at), end) : end;
    const to = changed ? Math.min(Math.max(changed.end, at), end) : end;
    const piece = (start: number, stop: number, name: string, own: string): void => {
      if (stop > start)
        parts.push(
          <span key={`${index}${own}`} className={name}>
            {token.text.slice(start - at, stop - at)}
          </span>,
        );
    };
    piece(at, from, token.kind, "a");
    piece(from, to, cx(token.kind, mark, "rounded-xs"), "b");
    piece(to, end, token.kind, "c");
    at = end;
  });
  return parts.length > 0 ? parts : "\u200b";
}

interface CodeLineProps {
  line: DiffLine;
  /** Which side's number is the line's own. */
  side: "old" | "new";
  numbers: "both" | "old" | "new";
  tokens: readonly Token[] | undefined;
  changed: Span | null;
  /** Opens the box for a remark; with `more` on all lines from the one that was picked before. */
  onComment: ((more: boolean) => void) | null;
  /** Whether it is one of the lines that a remark is on, or is being put on. */
  marked: "picked" | "remarked" | null;
}

const BAR = { picked: "shadow-[inset_3px_0_0_var(--accent)]", remarked: "shadow-[inset_3px_0_0_var(--line-strong)]" };

export function CodeLine({ line, side, numbers, tokens, changed, onComment, marked }: CodeLineProps) {
  const { t } = useTranslation("task");
  const number = (side === "old" ? line.old : line.new) ?? 0;
  const gutter = cx(
    "w-11 shrink-0 px-1.5 text-right text-2xs leading-5 select-none tabular",
    marked === "picked" ? "bg-accent-soft text-accent-text" : "text-faint",
    onComment && "cursor-pointer hover:text-accent-text",
  );
  const pick = onComment ? { "data-pick": true } : {};
  return (
    <div data-side={side} className={cx("group/line flex min-w-0 flex-1 font-mono text-xs leading-5", GROUND[line.kind], marked && BAR[marked])}>
      {numbers !== "new" ? (
        <span className={gutter} {...pick}>
          {line.old}
        </span>
      ) : null}
      {numbers !== "old" ? (
        <span className={gutter} {...pick}>
          {line.new}
        </span>
      ) : null}
      <span className={cx("relative w-5 shrink-0 text-center select-none", SIGN[line.kind])}>
        {line.kind}
        {onComment ? (
          <button
            type="button"
            data-pick
            aria-label={t("comment.add", { line: number })}
            title={t("comment.more")}
            onClick={(event) => onComment(event.shiftKey)}
            className="absolute inset-0 flex items-center justify-center rounded-sm bg-accent text-accent-ink opacity-0 group-hover/line:opacity-100 focus-visible:opacity-100"
          >
            <MessageSquarePlus size={12} />
          </button>
        ) : null}
      </span>
      <span className="min-w-0 flex-1 pr-3 break-all whitespace-pre-wrap">
        <Painted text={line.text} tokens={tokens} changed={changed} mark={MARK[line.kind]} />
        {line.no_newline ? <span className="ml-2 text-2xs text-faint select-none">{t("diff.noNewline")}</span> : null}
      </span>
    </div>
  );
}
