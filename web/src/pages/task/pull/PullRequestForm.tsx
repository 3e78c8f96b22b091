import { GitPullRequest, GitPullRequestDraft } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useOpenPullRequest } from "@/api/tasks";
import type { Publishing } from "@/api/types";
import { Markdown } from "@/parts/Markdown";
import { numberOf } from "@/parts/pulls";
import { explain } from "@/shell/errors";
import { Button } from "@/ui/Button";
import { Field, Input, Segments, Switch, Textarea } from "@/ui/Field";
import { Note } from "@/ui/States";
import { say } from "@/ui/toast";

interface FormProps {
  task: string;
  attempt: string;
  target: Publishing;
  forge: NonNullable<Publishing["forge"]>;
}

/** What a pull request is opened with; filled in with what the task says of itself. */
export function PullRequestForm({ task, attempt, target, forge }: FormProps) {
  const { t } = useTranslation("task");
  const open = useOpenPullRequest(task, attempt);
  const [form, setForm] = useState({ title: target.title, body: target.body, base: forge.base, branch: target.branch, draft: false });
  const set = (part: Partial<typeof form>): void => setForm({ ...form, ...part });
  const [title, base, branch] = [form.title.trim(), form.base.trim(), form.branch.trim()];
  const ready = title !== "" && base !== "" && branch !== "" && !open.isPending;
  const failure = open.error ? explain(open.error) : null;
  const submit = (): void => {
    if (!ready) return;
    open.mutate(
      { title, body: form.body, base, branch, draft: form.draft },
      {
        onSuccess: ({ pull_request: pull }) => {
          if (pull) say({ kind: "done", title: t("pull.opened", { request: t(`Request.${pull.kind}`, { ns: "common" }), number: numberOf(pull) }), detail: pull.repository });
        },
      },
    );
  };
  return (
    <form
      className="flex flex-col gap-4 pt-1"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Field label={t("pull.field.title")}>
        {(ids) => <Input {...ids} required maxLength={250} value={form.title} onChange={(event) => set({ title: event.target.value })} />}
      </Field>
      <Description value={form.body} onChange={(body) => set({ body })} />
      <div className="grid gap-4 sm:grid-cols-[1fr_2fr]">
        <Field label={t("pull.base")}>
          {(ids) => <Input {...ids} required className="font-mono text-sm" maxLength={200} spellCheck={false} value={form.base} onChange={(event) => set({ base: event.target.value })} />}
        </Field>
        <Field label={t("pull.branch")}>
          {(ids) => <Input {...ids} required className="font-mono text-sm" maxLength={200} spellCheck={false} value={form.branch} onChange={(event) => set({ branch: event.target.value })} />}
        </Field>
      </div>
      {failure ? (
        <Note kind="bad" title={t("pull.failed")}>
          {failure.detail || failure.title}
        </Note>
      ) : null}
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-3">
        <Switch label={t("pull.draft")} checked={form.draft} onChange={(draft) => set({ draft })} />
        <Button
          type="submit"
          look="primary"
          className="ml-auto"
          icon={form.draft ? <GitPullRequestDraft size={15} /> : <GitPullRequest size={15} />}
          disabled={!ready}
          busy={open.isPending && t("pull.opening")}
        >
          {form.draft ? t("pull.openDraft") : t("pull.open", { request: t(`request.${forge.kind}`, { ns: "common" }) })}
        </Button>
      </div>
    </form>
  );
}

/** Markdown, to be written and to be looked at. */
function Description({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation("task");
  const [side, setSide] = useState<"write" | "preview">("write");
  return (
    <div className="relative">
      <div className="absolute -top-1.5 right-0">
        <Segments
          label={t("pull.field.body")}
          value={side}
          onChange={setSide}
          options={[
            { value: "write", label: t("pull.write") },
            { value: "preview", label: t("pull.preview") },
          ]}
        />
      </div>
      {side === "write" ? (
        <Field label={t("pull.field.body")} about={t("pull.body.about")}>
          {(ids) => <Textarea {...ids} rows={9} maxLength={60_000} className="font-mono text-sm scroll-thin" value={value} onChange={(event) => onChange(event.target.value)} />}
        </Field>
      ) : (
        <section aria-label={t("pull.preview")} className="flex flex-col gap-1">
          <p className="text-sm font-medium">{t("pull.field.body")}</p>
          <div className="h-56 overflow-y-auto scroll-thin rounded-md border border-line bg-surface px-3 py-2">
            {value.trim() ? <Markdown text={value} /> : <p className="text-muted">{t("pull.nothing")}</p>}
          </div>
        </section>
      )}
    </div>
  );
}
