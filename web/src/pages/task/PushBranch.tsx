import { GitBranch, Upload } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { usePublish, usePublishing } from "@/api/tasks";
import type { AttemptLine, Publishing } from "@/api/types";
import { spoken } from "@/i18n/said";
import { explain } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Button } from "@/ui/Button";
import { Copy } from "@/ui/Copy";
import { Dialog } from "@/ui/Dialog";
import { Field, Input, Textarea } from "@/ui/Field";
import { Working } from "@/ui/States";
import { Ago } from "@/ui/Time";
import { say } from "@/ui/toast";

interface PushBranchProps {
  task: string;
  attempt: AttemptLine;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** Pushes the result as a branch, or says why that cannot be done here. */
export function PushBranch({ task, attempt, open, onOpenChange }: PushBranchProps) {
  const { t } = useTranslation("task");
  const query = usePublishing(task, attempt.name, open);
  const target = query.data;
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={t("push.title")} about={target?.remote ? t("push.about") : undefined}>
      {query.isPending ? (
        <Working>{t("push.loading")}</Working>
      ) : !target ? (
        <Failed error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <div className="flex flex-col gap-4">
          {target.remote ? (
            <PushForm task={task} attempt={attempt.name} target={target} onDone={() => onOpenChange(false)} />
          ) : (
            <div role="status">
              <p className="font-medium">{t("push.cannot")}</p>
              <p className="mt-1 text-muted">{spoken(target.reason)}</p>
            </div>
          )}
          <Earlier target={target} />
        </div>
      )}
    </Dialog>
  );
}

function PushForm({ task, attempt, target, onDone }: { task: string; attempt: string; target: Publishing; onDone: () => void }) {
  const { t } = useTranslation("task");
  const push = usePublish(task, attempt);
  const [branch, setBranch] = useState(target.branch);
  const [message, setMessage] = useState(target.message);
  const ready = branch.trim() !== "" && message.trim() !== "" && !push.isPending;
  const known = target.published.some((one) => one.branch === branch.trim());
  return (
    <form
      className="flex flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (!ready) return;
        push.mutate(
          { branch: branch.trim(), message },
          {
            onSuccess: () => {
              say({ kind: "done", title: t("push.done"), detail: branch.trim() });
              onDone();
            },
          },
        );
      }}
    >
      <p className="text-sm">
        <span className="text-muted">{t("push.to")}</span> <span className="font-mono text-xs break-all">{target.remote}</span>
      </p>
      <Field label={t("push.branch")} about={known ? t("push.adds") : t("push.new")} error={push.isError ? explain(push.error).detail : undefined}>
        {(ids) => <Input {...ids} className="font-mono" maxLength={200} value={branch} onChange={(event) => setBranch(event.target.value)} />}
      </Field>
      <Field label={t("push.message")}>
        {(ids) => <Textarea {...ids} rows={4} maxLength={20_000} value={message} onChange={(event) => setMessage(event.target.value)} />}
      </Field>
      <div className="flex justify-end">
        <Button type="submit" look="primary" icon={<Upload size={14} />} disabled={!ready} busy={push.isPending && t("push.pushing")}>
          {known ? t("push.update") : t("push.push")}
        </Button>
      </div>
    </form>
  );
}

function Earlier({ target }: { target: Publishing }) {
  const { t } = useTranslation("task");
  if (target.published.length === 0) return null;
  return (
    <section aria-label={t("push.earlier")} className="border-t border-line pt-3">
      <h3 className="mb-1.5 text-sm font-medium">{t("push.earlier")}</h3>
      <ul className="flex flex-col gap-1.5">
        {target.published.toReversed().map((one) => (
          <li key={`${one.commit} ${one.at}`} className="flex flex-wrap items-center gap-x-2 text-sm">
            <GitBranch size={13} className="shrink-0 text-muted" />
            <span className="min-w-0 truncate font-mono text-xs">{one.branch}</span>
            <Copy text={one.branch} label={t("push.copy")} />
            <span className="font-mono text-xs text-muted">{one.commit.slice(0, 10)}</span>
            <span className="text-xs text-muted">
              {t("push.of", { attempt: one.attempt })} · <Ago at={one.at} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
