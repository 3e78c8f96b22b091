import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";

import type { AttemptLine } from "@/api/types";
import { legible } from "@/live/drafts";
import { Failed } from "@/shell/Failed";
import { Button } from "@/ui/Button";
import { Working } from "@/ui/States";

import { Answer } from "./Answer";
import { useTaskPage } from "./context";
import { Draft, Written } from "./Draft";
import { Entry } from "./Entry";
import { FollowUp } from "./FollowUp";
import { type Item, itemsOf } from "./items";
import { AttemptChips, LogHeading, Pending, Plan, Progress, Prompt, TurnState } from "./Pieces";
import { shownAttempt } from "./Task";

/** Near enough (pixels) to the end to be kept there when more comes. */
const NEAR = 120;

export function Conversation() {
  const { t } = useTranslation("task");
  const { view, logs, search } = useTaskPage();
  const box = useRef<HTMLDivElement>(null);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [picked, setPicked] = useState<ReadonlyMap<number, string>>(new Map());
  const [atEnd, setAtEnd] = useState(true);

  const attempts = useMemo(() => {
    const newest = shownAttempt(view, search.attempt);
    const shown = new Map<number, AttemptLine>();
    for (const turn of view.turns) {
      const wanted = picked.get(turn.number) ?? (turn.number === newest?.turn ? newest.id : turn.chosen);
      const found = turn.attempts.find((attempt) => attempt.id === wanted) ?? turn.attempts[0];
      if (found) shown.set(turn.number, found);
    }
    return shown;
  }, [view, search.attempt, picked]);

  // Every log is read anew when any has changed; the items keep their keys, so that only what changed is painted.
  const version = useSyncExternalStore(logs.subscribe, logs.version);
  const items = useMemo(
    () => itemsOf(view, { attempts, opened, logOf: logs.get, writes: (attempt) => legible(logs.draftOf(attempt)) }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `version` stands for what `logs.get` answers
    [view, attempts, opened, logs, version],
  );

  useEffect(() => {
    for (const attempt of attempts.values()) if (attempt.status === "running" || opened.has(attempt.id)) void logs.load(attempt.id);
  }, [attempts, opened, logs]);

  // eslint-disable-next-line react-hooks/incompatible-library -- it is not memoised, as the library asks
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => ESTIMATES[items[index]?.kind ?? "entry"],
    getItemKey: useCallback((index: number) => items[index]?.key ?? index, [items]),
    overscan: 6,
    paddingStart: 12,
    paddingEnd: 16,
  });
  const total = virtual.getTotalSize();
  const toEnd = useCallback(() => {
    const element = box.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, []);
  const running = view.task.status === "running";
  useEffect(() => {
    if (atEnd && running) toEnd();
  }, [total, version, atEnd, running, toEnd]);

  const toggle = useCallback((attempt: string) => {
    setOpened((before) => {
      const after = new Set(before);
      if (!after.delete(attempt)) after.add(attempt);
      return after;
    });
  }, []);
  const pick = useCallback((turn: number, attempt: string) => setPicked((before) => new Map(before).set(turn, attempt)), []);

  return (
    <>
      <div
        ref={box}
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is scrolled by keys, too
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label={t("side.talk")}
        onScroll={(event) => {
          const element = event.currentTarget;
          setAtEnd(element.scrollHeight - element.scrollTop - element.clientHeight < NEAR);
        }}
        className="relative min-h-0 flex-1 overflow-y-auto scroll-thin"
      >
        <div className="relative" style={{ height: total }}>
          {virtual.getVirtualItems().map((row) => {
            const item = items[row.index];
            return item ? (
              <div
                key={row.key}
                ref={virtual.measureElement}
                data-index={row.index}
                className="absolute inset-x-0 top-0 px-4"
                style={{ transform: `translateY(${row.start}px)` }}
              >
                <Piece item={item} onToggle={toggle} onPick={pick} />
              </div>
            ) : null;
          })}
        </div>
      </div>
      {!atEnd && running ? (
        <div className="relative">
          <Button size="sm" icon={<ArrowDown size={13} />} onClick={toEnd} className="absolute bottom-2 left-1/2 -translate-x-1/2 shadow-card">
            {t("toEnd")}
          </Button>
        </div>
      ) : null}
      <Written running={running} writes={items.some((item) => item.kind === "draft")} />
      <FollowUp />
    </>
  );
}

const ESTIMATES: Record<Item["kind"], number> = {
  prompt: 96,
  attempts: 44,
  plan: 8,
  log: 40,
  earlier: 48,
  entry: 44,
  draft: 72,
  progress: 32,
  answer: 260,
  message: 56,
  state: 72,
};

function Piece({ item, onToggle, onPick }: { item: Item; onToggle: (attempt: string) => void; onPick: (turn: number, attempt: string) => void }) {
  const { t } = useTranslation("task");
  const { logs } = useTaskPage();
  switch (item.kind) {
    case "prompt":
      return <Prompt turn={item.turn} />;
    case "attempts":
      return <AttemptChips turn={item.turn} shown={item.shown} onPick={onPick} />;
    case "plan":
      return <Plan attempt={item.attempt} />;
    case "log":
      return <LogHeading attempt={item.attempt} open={item.open} live={item.live} onToggle={onToggle} />;
    case "earlier": {
      const log = logs.get(item.attempt.id);
      if (log.loading) return <Working className="p-3!">{t("log.loading")}</Working>;
      if (log.error) return <Failed error={log.error} className="my-2" onRetry={() => void (log.before === null ? logs.load(item.attempt.id, true) : logs.loadEarlier(item.attempt.id))} />;
      return (
        <Button size="sm" look="quiet" className="my-1" onClick={() => void logs.loadEarlier(item.attempt.id)}>
          {t("log.earlier")}
        </Button>
      );
    }
    case "entry":
      return <Entry entry={item.entry} attempt={item.attempt} />;
    case "draft":
      return <Draft attempt={item.attempt} />;
    case "progress":
      return <Progress attempt={item.attempt} />;
    case "answer":
      return <Answer attempt={item.attempt} />;
    case "message":
      return <Pending message={item.message} />;
    case "state":
      return <TurnState turn={item.turn} />;
  }
}
