import { CornerDownLeft, MessageCircleQuestion, MessageSquarePlus, Send, X } from "lucide-react";
import { type KeyboardEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { newKey, useTaskActs } from "@/api/tasks";
import { sayFailed } from "@/shell/errors";
import { useShortcuts } from "@/shell/keys";
import { Button, IconButton } from "@/ui/Button";

import { clearComments, dropComment, useComments } from "./comments";
import { lineWords } from "./changes/lines";
import { useTaskPage } from "./context";

/** Words for a task: while it runs they steer it, after that they are its next turn. */
export function FollowUp() {
  const { t } = useTranslation("task");
  const { view, attempt, follow, show } = useTaskPage();
  const { id, status } = view.task;
  const acts = useTaskActs(id);
  const comments = useComments(id);
  const [text, setText] = useState("");
  const before = view.turns.at(-1)?.attempts.length ?? 1;
  const [wanted, setWanted] = useState<number | null>(null);
  const attempts = wanted ?? before;
  const box = useRef<HTMLTextAreaElement>(null);
  const key = useRef<string | null>(null);
  useShortcuts({ f: () => box.current?.focus() });

  const steering = status === "running" && view.acts.includes("steer");
  const may = steering || view.acts.includes("follow_up");
  const busy = acts.steer.isPending || acts.followUp.isPending;
  const ready = !busy && (text.trim() !== "" || (!steering && comments.length > 0));
  if (!may) return null;

  const done = {
    onSuccess: () => {
      key.current = null;
      setText("");
      setWanted(null);
      if (steering) return;
      clearComments(id);
      follow();
    },
    onError: (error: unknown) => sayFailed(error, t("followUp.failed")),
  };
  const send = (mode: "ask" | "code"): void => {
    if (!ready) return;
    key.current ??= newKey();
    if (steering) {
      acts.steer.mutate({ text: text.trim(), key: key.current }, done);
      return;
    }
    const turn = {
      prompt: text.trim(),
      mode,
      attempts,
      comments: comments.map(({ path, start, end, side, text: said }) => ({ path, start, end: end ?? null, side, text: said })),
      ...(attempt && !attempt.chosen && attempt.turn === view.task.turn && attempt.verdict ? { attempt: attempt.name } : {}),
    };
    acts.followUp.mutate({ turn, key: key.current }, done);
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
      event.preventDefault();
      send(view.task.mode === "ask" ? "ask" : "code");
    }
  };
  return (
    <section aria-label={t("followUp")} className="border-t border-line bg-canvas p-3">
      <div className="rounded-xl border border-line bg-surface transition-colors focus-within:border-line-strong">
        {comments.length > 0 ? (
          <ul aria-label={t("comments")} className="flex max-h-32 flex-col gap-1 overflow-y-auto px-3 pt-2 scroll-thin">
            {comments.map((comment) => (
              <li key={comment.key} className="flex items-center gap-2 text-sm">
                <MessageSquarePlus size={13} className="shrink-0 text-accent-text" />
                <button
                  type="button"
                  title={comment.path}
                  className="shrink-0 font-mono text-xs text-muted hover:text-ink hover:underline"
                  onClick={() => show({ tab: "changes", at: comment.path, from: comment.start, to: comment.end ?? comment.start })}
                >
                  {comment.path.split("/").at(-1)}:{lineWords(comment)}
                </button>
                <span className="min-w-0 flex-1 truncate">{comment.text}</span>
                <IconButton size="sm" label={t("comment.drop")} icon={<X size={13} />} onClick={() => dropComment(id, comment.key)} />
              </li>
            ))}
          </ul>
        ) : null}
        <textarea
          ref={box}
          value={text}
          rows={1}
          aria-label={steering ? t("steer.label") : t("followUp")}
          placeholder={steering ? t("steer.placeholder") : t("followUp.placeholder")}
          onChange={(event) => {
            key.current = null;
            setText(event.target.value);
          }}
          onKeyDown={press}
          className="block field-sizing-content max-h-48 min-h-11 w-full resize-none bg-transparent px-3.5 pt-2.5 text-base outline-none"
        />
        <div className="flex items-center gap-1.5 px-2 pb-2">
          <p className="min-w-0 flex-1 truncate px-1.5 text-xs text-faint">{steering ? t("steer.about") : comments.length > 0 ? t("comments.count", { count: comments.length }) : ""}</p>
          {steering ? (
            <Button size="sm" look="primary" icon={<CornerDownLeft size={13} />} disabled={!ready} busy={busy && t("sending")} onClick={() => send("code")}>
              {t("steer")}
            </Button>
          ) : (
            <>
              <select
                aria-label={t("followUp.attempts")}
                title={t("followUp.attempts")}
                value={attempts}
                onChange={(event) => {
                  key.current = null;
                  setWanted(Number(event.target.value));
                }}
                className="h-7 rounded-md border border-line bg-surface px-1 text-sm text-muted hover:border-line-strong"
              >
                {[1, 2, 3, 4, 5, 6, 7, 8].map((number) => (
                  <option key={number} value={number}>
                    {t("followUp.times", { count: number })}
                  </option>
                ))}
              </select>
              <Button size="sm" icon={<MessageCircleQuestion size={14} />} disabled={!ready} onClick={() => send("ask")}>
                {t("mode.ask", { ns: "common" })}
              </Button>
              <Button size="sm" look="primary" icon={<Send size={13} />} disabled={!ready} busy={busy && t("sending")} onClick={() => send("code")}>
                {t("mode.code", { ns: "common" })}
              </Button>
            </>
          )}
        </div>
      </div>
    </section>
  );
}
