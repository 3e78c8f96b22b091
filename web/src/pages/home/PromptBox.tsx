import { useNavigate } from "@tanstack/react-router";
import { ImagePlus, MessageCircleQuestion, Mic, ScanSearch, Sparkles, X } from "lucide-react";
import { type ClipboardEvent, type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useModels } from "@/api/models";
import type { TaskLine } from "@/api/types";
import { newKey, type NewTask, useSubmit } from "@/api/tasks";
import { language } from "@/i18n";
import { sayFailed } from "@/shell/errors";
import { Button, IconButton, Spinner } from "@/ui/Button";
import { cx } from "@/ui/class";
import { Hint } from "@/ui/Hint";
import { say } from "@/ui/toast";

import { useDictation } from "./dictation";
import { type DeepLink, type Draft, type DraftChange, spokenInto, useDraft } from "./draft";
import { KINDS, useDropped, useImages } from "./images";
import { AttemptsPicker, BranchPicker, EnvironmentPicker, ModelPicker } from "./Pickers";

type Mode = TaskLine["mode"];

const MODES = [
  { mode: "ask", icon: <MessageCircleQuestion size={15} /> },
  { mode: "review", icon: <ScanSearch size={15} /> },
  { mode: "code", icon: <Sparkles size={15} /> },
] as const;

export function taskOf(draft: Draft, mode: Mode, images: string[]): NewTask {
  return {
    prompt: draft.prompt.trim(),
    mode,
    ...(draft.environment ? { environment: draft.environment } : {}),
    ...(draft.repository ? { repository: draft.repository } : {}),
    ...(draft.branch ? { ref: draft.branch } : {}),
    ...(draft.model ? { model: draft.model } : {}),
    ...(draft.attempts > 1 ? { attempts: draft.attempts } : {}),
    ...(images.length > 0 ? { images } : {}),
  };
}

export function PromptBox({ link, recentBranches, focused }: { link: DeepLink; recentBranches: string[]; focused: boolean }) {
  const { t } = useTranslation("home");
  const navigate = useNavigate();
  const [draft, changeDraft] = useDraft(link);
  const [wrong, setWrong] = useState("");
  const box = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const key = useRef<string | null>(null);
  const change = (part: DraftChange): void => {
    key.current = null;
    changeDraft(part);
  };
  const submit = useSubmit();
  const images = useImages({ refused: t("image.refused"), kinds: t("image.kinds") });
  const over = useDropped(images.add);
  const dictation = useDictation(
    language(),
    (words) => change((before) => spokenInto(before, words)),
    (denied) => sayFailed(new Error(denied ? t("dictate.denied") : ""), t("dictate.failed")),
  );

  useEffect(() => {
    if (focused) box.current?.focus();
  }, [focused]);

  const models = useModels();
  const preferred: Mode = link.mode ?? "code";
  const ready = draft.prompt.trim() !== "" && !images.sending && !submit.isPending;

  const send = (mode: Mode): void => {
    if (!ready) return;
    if (!draft.environment && !draft.repository) {
      setWrong(t("failed.repository"));
      return;
    }
    setWrong("");
    key.current ??= newKey();
    submit.mutate(
      { task: taskOf(draft, mode, images.images.flatMap((image) => image.id ?? [])), key: key.current },
      {
        onSuccess: ({ task }) => {
          key.current = null;
          change({ prompt: "" });
          images.clear();
          say({
            kind: "done",
            title: t("sent.title"),
            detail: task.title,
            action: { label: t("sent.open"), run: () => void navigate({ to: "/tasks/$task", params: { task: task.id } }) },
          });
        },
        // The key is kept: had the answer only been lost on its way, the next press does not make a second task.
        onError: (error) => sayFailed(error, t("failed.title")),
      },
    );
  };

  const paste = (event: ClipboardEvent): void => {
    const files = [...event.clipboardData.files];
    if (files.length === 0) return;
    event.preventDefault();
    images.add(files);
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
      event.preventDefault();
      send(preferred);
    }
  };

  return (
    <section
      aria-label={t("prompt")}
      className={cx(
        "relative rounded-xl border bg-surface shadow-card transition-colors focus-within:border-line-strong",
        over ? "border-accent" : "border-line",
      )}
    >
      <textarea
        ref={box}
        value={draft.prompt}
        onChange={(event) => change({ prompt: event.target.value })}
        onPaste={paste}
        onKeyDown={press}
        rows={3}
        aria-label={t("prompt")}
        placeholder={t("placeholder")}
        className="block field-sizing-content max-h-[45vh] min-h-22 w-full resize-none bg-transparent px-4 pt-3.5 pb-2 text-lg outline-none"
      />
      {images.images.length > 0 ? (
        <ul className="flex flex-wrap gap-2 px-4 pb-2">
          {images.images.map((image, index) => (
            <li key={image.key} className="relative">
              <img src={image.url} alt={t("image.alt", { number: index + 1 })} className="size-16 rounded-md border border-line object-cover" />
              {image.id === null ? (
                <span className="absolute inset-0 flex items-center justify-center rounded-md bg-surface/70" role="status" aria-label={t("image.sending")}>
                  <Spinner />
                </span>
              ) : null}
              <button
                type="button"
                aria-label={t("image.remove")}
                onClick={() => images.remove(image.key)}
                className="absolute -top-1.5 -right-1.5 rounded-full border border-line bg-raised p-0.5 text-muted hover:text-ink"
              >
                <X size={12} />
              </button>
            </li>
          ))}
        </ul>
      ) : null}
      <div className="flex flex-wrap items-center gap-x-1 gap-y-2 px-2.5 pb-2.5">
        <EnvironmentPicker draft={draft} change={change} />
        <BranchPicker draft={draft} change={change} recent={recentBranches} />
        {/* Another element once its words are known: one that grows would push what stands beside it. */}
        <ModelPicker key={String(models.isPending)} draft={draft} change={change} />
        {/* Beside the model, whose name has any width: they come with it, and nothing moves. */}
        {models.isPending ? null : (
          <>
            <AttemptsPicker draft={draft} change={change} />
            <IconButton size="sm" label={t("image.attach")} icon={<ImagePlus size={15} />} onClick={() => picker.current?.click()} />
          </>
        )}
        <input
          ref={picker}
          type="file"
          accept={KINDS.join(",")}
          multiple
          hidden
          aria-label={t("image.attach")}
          onChange={(event) => {
            images.add(event.target.files ?? []);
            event.target.value = "";
          }}
        />
        {dictation.toggle && !models.isPending ? (
          <IconButton
            size="sm"
            label={dictation.listening ? t("dictate.stop") : t("dictate.start")}
            aria-pressed={dictation.listening}
            className={dictation.listening ? "text-bad!" : ""}
            icon={<Mic size={15} className={dictation.listening ? "animate-breathe" : ""} />}
            onClick={dictation.toggle}
          />
        ) : null}
        <div className="ml-auto flex gap-1.5">
          {MODES.map(({ mode, icon }) => (
            <Hint key={mode} text={t(`submit.about.${mode}`)} keys={mode === preferred ? "mod+enter" : undefined}>
              <Button
                look={mode === preferred ? "primary" : "plain"}
                icon={icon}
                aria-disabled={!ready}
                busy={submit.isPending && submit.variables.task.mode === mode ? t("sending") : false}
                onClick={() => send(mode)}
              >
                {t(`submit.${mode}`)}
              </Button>
            </Hint>
          ))}
        </div>
      </div>
      {wrong ? (
        <p role="alert" className="px-4 pb-3 text-sm text-bad">
          {wrong}
        </p>
      ) : null}
      {over ? (
        <div className="pointer-events-none absolute inset-0 flex items-center justify-center rounded-xl bg-accent-soft/85 font-medium text-accent-text">
          {t("image.drop")}
        </div>
      ) : null}
    </section>
  );
}
