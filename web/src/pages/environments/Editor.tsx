import type { UseQueryResult } from "@tanstack/react-query";
import { useBlocker } from "@tanstack/react-router";
import { FlaskConical, Save } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useBuild, useSaveEnvironment } from "@/api/environments";
import type { BuildLog, EnvironmentView } from "@/api/types";
import { spoken } from "@/i18n/said";
import { explain, sayFailed } from "@/shell/errors";
import { useShortcuts } from "@/shell/keys";
import { Button } from "@/ui/Button";
import { Field, Input, Segments, Textarea } from "@/ui/Field";
import { Note } from "@/ui/States";
import { say } from "@/ui/toast";

import { type Draft, draftOf, environmentOf, wrongIn } from "./draft";
import { GroupField } from "./Environments";
import { FileEditor } from "./FileEditor";
import { Log } from "./Log";
import { Panel } from "@/ui/Panel";
import { PolicyFields } from "./PolicyFields";
import { SecretRows, VariableRows } from "./Rows";

/** An environment as a form or as its file, with a trial of its set-up beside it. */
export function Editor({ view, log }: { view: EnvironmentView; log: UseQueryResult<BuildLog> }) {
  const { t } = useTranslation("environments");
  const [as, setAs] = useState<"form" | "file">("form");
  const [draft, setDraft] = useState(() => draftOf(view));
  const [text, setText] = useState(view.text);
  const [problem, setProblem] = useState<string | null>(null);
  const save = useSaveEnvironment(view.name);
  const build = useBuild(view.name);
  const may = new Set(view.acts);
  const editable = may.has("edit");
  const before = draftOf(view);
  const changed = as === "file" ? text !== view.text : JSON.stringify(draft) !== JSON.stringify(before);
  const wrong = as === "form" ? wrongIn(draft) : null;
  const said = wrong ? t(`wrong.${wrong}`) : as === "file" ? problem : null;
  const saving = useRef<Promise<boolean> | null>(null);
  useBlocker({
    // What is being saved counts as saved once it is: who leaves in that moment waits for it and is not asked.
    shouldBlockFn: async () => !(saving.current ? await saving.current : !changed) && !window.confirm(t("unsaved")),
    enableBeforeUnload: changed,
  });

  const store = (): Promise<boolean> => {
    const made = put().finally(() => (saving.current = null));
    saving.current = made;
    return made;
  };
  const put = async (): Promise<boolean> => {
    const group = draft.group || null;
    const body = as === "file" ? { text } : { environment: environmentOf(draft, view.environment), repository: draft.repository.trim(), group };
    try {
      const saved = await save.mutateAsync(body);
      setDraft(draftOf(saved));
      setText(saved.text);
      return true;
    } catch {
      return false; // it is shown above the buttons
    }
  };
  const onlySave = async (): Promise<void> => {
    if (await store()) say({ kind: "done", title: t("saved"), detail: t("saved.about") });
  };
  const tryIt = async (): Promise<void> => {
    if (changed && !(await store())) return;
    build.mutate(true, { onError: (error) => sayFailed(error, t("build.failed")) });
  };
  useShortcuts({
    "mod+s": () => {
      if (editable && changed && !said) void onlySave();
    },
  });
  const failure = save.error ? explain(save.error) : null;
  const building = log.data?.state === "building";
  return (
    <div className="flex flex-col gap-4 pt-4">
      <div className="flex flex-wrap items-center gap-3">
        <Segments
          label={t("editor.as")}
          value={as}
          onChange={(next) => {
            // One of the two is what is saved; what was typed in the other is not lost silently.
            if (changed && !window.confirm(t("unsaved"))) return;
            setDraft(before);
            setText(view.text);
            setAs(next);
          }}
          options={[
            { value: "form" as const, label: t("editor.form") },
            { value: "file" as const, label: t("editor.file") },
          ]}
        />
        {as === "form" && view.text.includes("#") ? <p className="text-sm text-muted">{t("editor.comments")}</p> : null}
      </div>
      {editable ? null : <Note>{t("editor.readOnly")}</Note>}
      <fieldset disabled={!editable} className="contents">
        {as === "form" ? <Form draft={draft} onChange={setDraft} /> : <FileEditor text={text} onChange={setText} onChecked={setProblem} />}
      </fieldset>
      {log.data && log.data.state !== "none" && (building || build.isSuccess) ? (
        <Panel title={t("trial.title")} about={t("trial.about")}>
          <Log log={log.data} />
          {log.data.error ? (
            <Note kind="bad" className="mt-3" title={t("trial.failed")}>
              {spoken(log.data.error)}
            </Note>
          ) : null}
        </Panel>
      ) : null}
      {editable ? (
        <div className="sticky bottom-0 z-10 -mx-3 flex flex-wrap items-center gap-2 border-t border-line bg-canvas/95 px-3 py-3 backdrop-blur-md">
          <div role="status" className="min-w-0 flex-1 text-sm max-sm:basis-full">
            {said ? (
              <span className="text-bad">{said}</span>
            ) : failure && !save.isPending ? (
              <span className="text-bad">{[failure.title, failure.detail].filter(Boolean).join(". ")}</span>
            ) : (
              <span className="text-muted">{changed ? t("editor.changed") : t("editor.unchanged")}</span>
            )}
          </div>
          {may.has("build") ? (
            <Button icon={<FlaskConical size={15} />} disabled={Boolean(said)} busy={building && t("build.busy")} onClick={() => void tryIt()}>
              {changed ? t("trial.save") : t("trial.run")}
            </Button>
          ) : null}
          <Button look="primary" icon={<Save size={15} />} disabled={!changed || Boolean(said)} busy={save.isPending && t("saving", { ns: "common" })} onClick={() => void onlySave()}>
            {t("save", { ns: "common" })}
          </Button>
        </div>
      ) : null}
    </div>
  );
}

function Form({ draft, onChange }: { draft: Draft; onChange: (draft: Draft) => void }) {
  const { t } = useTranslation("environments");
  const set = (part: Partial<Draft>): void => onChange({ ...draft, ...part });
  return (
    <>
      <Panel title={t("part.repository")}>
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label={t("field.repository")} about={t("field.repository.about")}>
            {(ids) => <Input {...ids} value={draft.repository} onChange={(event) => set({ repository: event.target.value })} />}
          </Field>
          <GroupField value={draft.group} onChange={(group) => set({ group })} />
          <Field label={t("field.image")} about={t("field.image.about")}>
            {(ids) => (
              <Input {...ids} value={draft.image} placeholder={t("field.image.none")} spellCheck={false} onChange={(event) => set({ image: event.target.value })} />
            )}
          </Field>
        </div>
      </Panel>
      <Panel title={t("part.setup")} about={t("part.setup.about")}>
        <div className="flex flex-col gap-4">
          <Script label={t("field.script")} value={draft.setup.script} rows={6} onChange={(script) => set({ setup: { ...draft.setup, script } })} />
          <PolicyFields value={draft.setup.network} onChange={(network) => set({ setup: { ...draft.setup, network } })} />
        </div>
      </Panel>
      <Panel title={t("part.maintenance")} about={t("part.maintenance.about")}>
        <div className="flex flex-col gap-4">
          <Script label={t("field.script")} value={draft.maintenance.script} rows={3} onChange={(script) => set({ maintenance: { ...draft.maintenance, script } })} />
          {draft.maintenance.script.trim() || draft.maintenance.network.access !== "off" ? (
            <PolicyFields value={draft.maintenance.network} onChange={(network) => set({ maintenance: { ...draft.maintenance, network } })} />
          ) : null}
        </div>
      </Panel>
      <Panel title={t("part.attempt")} about={t("part.attempt.about")}>
        <PolicyFields value={draft.attempt} onChange={(attempt) => set({ attempt })} />
      </Panel>
      <Panel title={t("part.checks")} about={t("part.checks.about")}>
        <Script label={t("field.checks")} value={draft.checks} rows={3} onChange={(checks) => set({ checks })} />
      </Panel>
      <Panel title={t("part.variables")} about={t("part.variables.about")}>
        <VariableRows rows={draft.variables} onChange={(variables) => set({ variables })} />
      </Panel>
      <Panel title={t("part.secrets")} about={t("part.secrets.about")}>
        <SecretRows rows={draft.secrets} onChange={(secrets) => set({ secrets })} />
      </Panel>
      <Panel title={t("part.limits")}>
        <div className="grid gap-4 sm:grid-cols-3">
          <Field label={t("field.cache")} about={t("field.cache.about")}>
            {(ids) => <Input {...ids} inputMode="decimal" value={draft.cacheHours} onChange={(event) => set({ cacheHours: event.target.value })} />}
          </Field>
          <Field label={t("field.memory")} about={t("field.memory.about")}>
            {(ids) => <Input {...ids} inputMode="decimal" value={draft.memoryGb} onChange={(event) => set({ memoryGb: event.target.value })} />}
          </Field>
          <Field label={t("field.cpus")} about={t("field.cpus.about")}>
            {(ids) => <Input {...ids} inputMode="decimal" value={draft.cpus} onChange={(event) => set({ cpus: event.target.value })} />}
          </Field>
        </div>
      </Panel>
    </>
  );
}

function Script({ label, value, rows, onChange }: { label: string; value: string; rows: number; onChange: (value: string) => void }) {
  return (
    <Field label={label}>
      {(ids) => (
        <Textarea {...ids} rows={rows} spellCheck={false} className="font-mono text-xs leading-5" value={value} onChange={(event) => onChange(event.target.value)} />
      )}
    </Field>
  );
}
