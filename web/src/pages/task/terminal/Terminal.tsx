import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronRight, Download, Play, Search, SquareTerminal } from "lucide-react";
import { lazy, Suspense, useCallback, useDeferredValue, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import type { CommandView } from "@/api/types";
import { type AttemptRef, chunkUrl, useChunk, useCommands } from "@/api/work";
import { bytes, clock, duration } from "@/i18n/format";
import { Failed } from "@/shell/Failed";
import { useShortcuts } from "@/shell/keys";
import { Badge } from "@/ui/Badge";
import { Button, buttonClass, IconButton } from "@/ui/Button";
import { cx } from "@/ui/class";
import { Copy } from "@/ui/Copy";
import { Empty, Working } from "@/ui/States";

import { useTaskPage } from "../context";
import { stretches } from "./ansi";

const NONE: CommandView[] = [];

const Replay = lazy(() => import("./Replay").then((module) => ({ default: module.Replay })));

export function Terminal() {
  const { t } = useTranslation("task");
  const { ref, search, attempt } = useTaskPage();
  const query = useCommands(ref as AttemptRef);
  const [words, setWords] = useState("");
  const sought = useDeferredValue(words.trim());
  const found = useCommands(ref as AttemptRef, sought);
  const [replayed, setReplayed] = useState<{ chunk: string | null } | null>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(search.at ? [search.at] : []));
  const box = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  useShortcuts({ "/": () => field.current?.focus() });

  const { at } = search;
  const [shownAt, setShownAt] = useState(at);
  if (at !== shownAt) {
    setShownAt(at);
    if (at) setOpen((before) => new Set(before).add(at));
  }

  const commands = (sought ? found.data : query.data) ?? NONE;
  // eslint-disable-next-line react-hooks/incompatible-library -- it is not memoised, as the library asks
  const virtual = useVirtualizer({
    count: commands.length,
    getScrollElement: () => box.current,
    estimateSize: () => 37,
    getItemKey: useCallback((index: number) => `${commands[index]?.chunk ?? ""} ${commands[index]?.seq ?? index}`, [commands]),
    overscan: 6,
  });
  const position = commands.findIndex((command) => command.chunk === at);
  useEffect(() => {
    if (position >= 0) virtual.scrollToIndex(position, { align: "start" });
    // Only when the address points somewhere else.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [at, position >= 0]);

  const shown = virtual.getVirtualItems();
  // A row that goes out of sight is the one that comes into it, with another command: nothing is made anew by scrolling.
  const places = 2 ** Math.ceil(Math.log2(shown.length + 8));

  if (query.isPending) return <Working>{t("terminal.loading")}</Working>;
  if (!query.data) return <Failed error={query.error} title={t("terminal.failed")} onRetry={() => void query.refetch()} />;
  if (query.data.length === 0) {
    const running = attempt?.status === "running" || attempt?.status === "queued";
    return (
      <Empty icon={<SquareTerminal size={32} />} title={t("terminal.none")}>
        {running ? t("terminal.none.yet") : t("terminal.none.about")}
      </Empty>
    );
  }
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-1.5">
        <label className="flex h-7 min-w-0 flex-1 items-center gap-1.5 rounded-md px-2 text-muted focus-within:bg-sunken">
          <Search size={14} className="shrink-0" />
          <span className="sr-only">{t("terminal.search")}</span>
          <input
            ref={field}
            type="search"
            value={words}
            onChange={(event) => setWords(event.target.value)}
            placeholder={t("terminal.search")}
            className="w-full min-w-0 bg-transparent text-sm text-ink outline-none"
          />
        </label>
        <span className="text-sm text-muted" role="status">
          {sought ? (found.isFetching ? t("terminal.searching") : t("terminal.found", { count: commands.length })) : t("terminal.count", { count: query.data.length })}
        </span>
        <Button size="sm" icon={<Play size={13} />} onClick={() => setReplayed({ chunk: null })}>
          {t("terminal.replay")}
        </Button>
      </div>
      {replayed !== null ? (
        <Suspense fallback={<Working>{t("terminal.player")}</Working>}>
          <Replay attempt={ref as AttemptRef} chunk={replayed.chunk} onClose={() => setReplayed(null)} />
        </Suspense>
      ) : null}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is scrolled by keys, too */}
      <div ref={box} tabIndex={0} role="region" aria-label={t("tab.terminal")} className="min-h-0 flex-1 overflow-y-auto scroll-thin">
        <div className="relative" style={{ height: virtual.getTotalSize() }}>
          {shown.map((row) => {
            const command = commands[row.index];
            return command ? (
              <div key={row.index % places} ref={virtual.measureElement} data-index={row.index} className="absolute inset-x-0 top-0" style={{ transform: `translateY(${row.start}px)` }}>
                <Command
                  command={command}
                  open={open.has(command.chunk)}
                  words={words}
                  marked={command.chunk === at && search.from ? { from: search.from, to: search.to ?? search.from } : null}
                  onReplay={() => setReplayed({ chunk: command.chunk })}
                  onToggle={() =>
                    setOpen((before) => {
                      const after = new Set(before);
                      if (!after.delete(command.chunk)) after.add(command.chunk);
                      return after;
                    })
                  }
                />
              </div>
            ) : null;
          })}
        </div>
      </div>
    </div>
  );
}

interface CommandProps {
  command: CommandView;
  open: boolean;
  words: string;
  marked: { from: number; to: number } | null;
  onToggle: () => void;
  onReplay: () => void;
}

function Command({ command, open, words, marked, onToggle, onReplay }: CommandProps) {
  const { t } = useTranslation("task");
  const good = command.exit_code === 0;
  const goes = typeof command.session === "number";
  return (
    <section aria-label={command.command} className="border-b border-line">
      <button type="button" aria-expanded={open} onClick={onToggle} className="flex h-9 w-full items-center gap-2 px-3 text-left hover:bg-sunken">
        <ChevronRight size={14} className={cx("shrink-0 text-faint transition-transform", open && "rotate-90")} />
        <span className="shrink-0 font-mono text-2xs text-faint tabular">{clock(command.at)}</span>
        {command.origin === "setup" ? <Badge tone="accent">{t("terminal.setup")}</Badge> : null}
        {command.origin === "check" ? <Badge>{t(`check.on.${command.on ?? "result"}`)}</Badge> : null}
        <span className="min-w-0 flex-1 truncate font-mono text-xs">{command.command.split("\n")[0]}</span>
        <span className={cx("shrink-0 text-xs tabular", goes ? "text-accent-text" : good ? "text-good" : "text-bad")}>
          {goes ? t("terminal.goes") : command.cut ? t("checks.cut", { why: command.cut }) : t("call.exit", { code: command.exit_code ?? "—" })}
        </span>
        <span className="w-14 shrink-0 text-right text-xs text-faint tabular">{duration(command.seconds)}</span>
      </button>
      {open ? <Output key={command.chunk} command={command} words={words} marked={marked} onReplay={onReplay} /> : null}
    </section>
  );
}

const LINE = 20;
const TALLEST = 24;

function Output({ command, words, marked, onReplay }: Omit<CommandProps, "open" | "onToggle">) {
  const { t } = useTranslation("task");
  const { ref } = useTaskPage();
  const query = useChunk(ref as AttemptRef, command.chunk, true);
  const box = useRef<HTMLDivElement>(null);
  const lines = query.data?.lines ?? [];
  const start = query.data?.start ?? 1;
  // eslint-disable-next-line react-hooks/incompatible-library -- it is not memoised, as the library asks
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => LINE, overscan: 20 });
  const from = marked?.from ?? null;
  const there = lines.length > 0;
  useEffect(() => {
    if (from !== null && there) virtual.scrollToIndex(Math.max(0, from - start), { align: "center" });
    // Only when the address points somewhere else, or the lines have come.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [from, there]);
  if (query.isPending) return <Working>{t("terminal.output")}</Working>;
  if (!query.data) return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  const full = () => fetch(chunkUrl(ref as AttemptRef, command.chunk)).then((answer) => answer.text());
  return (
    <div className="mx-3 mb-3 overflow-hidden rounded-lg bg-terminal text-terminal-ink">
      <div className="flex items-center gap-1 px-3 py-1.5 text-xs">
        <span className="min-w-0 flex-1 truncate opacity-75">
          {command.chunk} · {t("terminal.lines", { count: query.data.total })} · {bytes(query.data.size)}
        </span>
        <IconButton size="sm" className="text-terminal-ink! hover:bg-white/10!" label={t("terminal.replayOne")} icon={<Play size={13} />} onClick={onReplay} />
        <span className="[&_button]:text-terminal-ink! [&_button:hover]:bg-white/10!">
          <Copy text={full} />
        </span>
        <a href={chunkUrl(ref as AttemptRef, command.chunk)} aria-label={t("terminal.download")} className={`${buttonClass("quiet", "sm")} w-7 px-0! text-terminal-ink! hover:bg-white/10!`}>
          <Download size={13} />
        </a>
      </div>
      <pre className="max-h-40 overflow-y-auto border-y border-white/10 px-3 py-1.5 font-mono text-xs leading-5 whitespace-pre-wrap scroll-thin">
        <span className="opacity-60">$ </span>
        {command.command}
      </pre>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is scrolled by keys, too */}
      <div ref={box} tabIndex={0} role="region" aria-label={t("terminal.outputOf", { command: command.command.slice(0, 80) })} className="overflow-auto py-1 font-mono text-xs scroll-thin" style={{ maxHeight: TALLEST * LINE }}>
        <div className="relative w-max min-w-full" style={{ height: Math.max(LINE, virtual.getTotalSize()) }}>
          {lines.length === 0 ? <span className="px-3 opacity-60">{t("call.nothing")}</span> : null}
          {virtual.getVirtualItems().map((row) => {
            const number = start + row.index;
            const held = marked !== null && number >= marked.from && number <= marked.to;
            return (
              <div key={row.key} className={cx("absolute top-0 left-0 flex min-w-full leading-5", held && "bg-white/15")} style={{ transform: `translateY(${row.start}px)`, height: LINE }}>
                <span className="w-12 shrink-0 pr-3 text-right opacity-45 select-none tabular">{number}</span>
                <span className="pr-3 whitespace-pre">
                  <Words line={lines[row.index] ?? ""} words={words} />
                </span>
              </div>
            );
          })}
        </div>
      </div>
      {query.data.clipped ? <p className="border-t border-white/10 px-3 py-1.5 text-xs opacity-75">{t("terminal.clipped")}</p> : null}
    </div>
  );
}

/** A line with the searched words marked. */
function Words({ line, words }: { line: string; words: string }) {
  if (words && line.toLowerCase().includes(words.toLowerCase())) {
    const plain = stretches(line)
      .map((stretch) => stretch.text)
      .join("");
    const at = plain.toLowerCase().indexOf(words.toLowerCase());
    if (at >= 0) {
      return (
        <>
          {plain.slice(0, at)}
          <mark className="bg-warn! text-terminal!">{plain.slice(at, at + words.length)}</mark>
          {plain.slice(at + words.length)}
        </>
      );
    }
  }
  return stretches(line).map((stretch, index) => (
    <span key={index} className={stretch.look}>
      {stretch.text}
    </span>
  ));
}
