import { useNavigate } from "@tanstack/react-router";
import { GitFork, History } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { newKey, useTaskActs } from "@/api/tasks";
import { explain } from "@/shell/errors";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Field, Textarea } from "@/ui/Field";
import { say } from "@/ui/toast";

import { useTaskPage } from "../context";

type Kind = "rewind" | "fork";

/** Goes on from a step: in this task, which goes back there, or in a new one, which leaves this as it is. */
export function Back({ step }: { step: number }) {
  const { t } = useTranslation("task");
  const { view, attempt } = useTaskPage();
  const [kind, setKind] = useState<Kind | null>(null);
  if (!attempt || !view.acts.includes("follow_up")) return null;
  return (
    <div className="flex items-center gap-1.5">
      <Button size="sm" icon={<History size={13} />} onClick={() => setKind("rewind")}>
        {t("back.rewind")}
      </Button>
      <Button size="sm" icon={<GitFork size={13} />} onClick={() => setKind("fork")}>
        {t("back.fork")}
      </Button>
      {kind ? <BackDialog kind={kind} step={step} attempt={attempt.name} onClose={() => setKind(null)} /> : null}
    </div>
  );
}

function BackDialog({ kind, step, attempt, onClose }: { kind: Kind; step: number; attempt: string; onClose: () => void }) {
  const { t } = useTranslation("task");
  const { view, follow } = useTaskPage();
  const navigate = useNavigate();
  const acts = useTaskActs(view.task.id);
  const act = acts[kind];
  const [prompt, setPrompt] = useState("");
  const key = useRef<string | null>(null);
  const send = (): void => {
    if (act.isPending) return;
    key.current ??= newKey();
    act.mutate(
      { body: { step, attempt, prompt: prompt.trim() }, key: key.current },
      {
        onSuccess: ({ task }) => {
          onClose();
          say({ kind: "done", title: t(`back.${kind}.done`), detail: t("back.step", { step }) });
          if (kind === "fork") void navigate({ to: "/tasks/$task", params: { task: task.id } });
          else follow();
        },
      },
    );
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={t(`back.${kind}.title`, { step })}
      about={t(`back.${kind}.about`)}
      actions={
        <Button look="primary" busy={act.isPending && t("sending")} onClick={send}>
          {t(`back.${kind}`)}
        </Button>
      }
    >
      <Field label={t("back.prompt")} about={t(`back.${kind}.prompt`)} error={act.isError ? explain(act.error).detail : undefined}>
        {(ids) => (
          <Textarea
            {...ids}
            rows={4}
            value={prompt}
            onChange={(event) => {
              key.current = null;
              setPrompt(event.target.value);
            }}
          />
        )}
      </Field>
    </Dialog>
  );
}
