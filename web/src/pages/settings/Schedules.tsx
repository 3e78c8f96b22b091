import { CalendarClock, Pencil, Plus, Trash2 } from "lucide-react";
import { type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { useDeleteSchedule, useSaveSchedule, useSchedules, type WrittenSchedule } from "@/api/administration";
import { useEnvironments } from "@/api/environments";
import { useModels } from "@/api/models";
import { useMay } from "@/api/session";
import type { Schedule, ScheduleView } from "@/api/types";
import { moment } from "@/i18n/format";
import { explain, sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Badge } from "@/ui/Badge";
import { Button, IconButton } from "@/ui/Button";
import { Confirm, Dialog } from "@/ui/Dialog";
import { Field, Input, Select, Switch, Textarea } from "@/ui/Field";
import { Empty, Note, Working } from "@/ui/States";
import { say } from "@/ui/toast";

import { HeaderAction } from "./HeaderAction";

const MODES = ["ask", "code", "review"] as const;

export function Schedules() {
  const { t } = useTranslation("settings");
  const schedules = useSchedules();
  const { write } = useMay();
  const [edited, setEdited] = useState<Schedule | "new" | null>(null);
  if (schedules.isPending) return <Working>{t("schedules.loading")}</Working>;
  if (!schedules.data) return <Failed error={schedules.error} className="" onRetry={() => void schedules.refetch()} />;
  const add = write ? (
    <Button look="primary" icon={<Plus size={15} />} onClick={() => setEdited("new")}>
      {t("schedules.new")}
    </Button>
  ) : null;
  return (
    <>
      {schedules.data.length === 0 ? (
        <Empty icon={<CalendarClock size={30} />} title={t("schedules.none")} actions={add}>
          {t("schedules.noneAbout")}
        </Empty>
      ) : (
        <>
          <HeaderAction>{add}</HeaderAction>
          <ul className="flex flex-col gap-3">
            {schedules.data.map((view) => (
              <Line key={view.schedule.id} view={view} onEdit={() => setEdited(view.schedule)} />
            ))}
          </ul>
        </>
      )}
      {edited ? <EditSchedule schedule={edited === "new" ? null : edited} onClose={() => setEdited(null)} /> : null}
    </>
  );
}

/** A schedule as it is sent back: what it hands out is kept as it was. */
function writtenOf(schedule: Schedule): WrittenSchedule {
  const { request } = schedule;
  return {
    name: schedule.name,
    cron: schedule.cron,
    timezone: schedule.timezone,
    priority: schedule.priority,
    group: schedule.group ?? null,
    enabled: schedule.enabled,
    budget: schedule.budget,
    task: {
      prompt: request.prompt,
      mode: request.mode,
      repository: request.repository,
      environment: request.environment,
      ref: request.ref ?? null,
      model: request.model ?? null,
      strategy: request.strategy ?? null,
      attempts: request.attempts,
      checks: request.checks,
      limits: request.limits,
    },
  };
}

function Line({ view, onEdit }: { view: ScheduleView; onEdit: () => void }) {
  const { t } = useTranslation("settings");
  const { write } = useMay();
  const save = useSaveSchedule();
  const remove = useDeleteSchedule();
  const [asks, setAsks] = useState(false);
  const { schedule, next } = view;
  return (
    <li className="rounded-xl border border-line bg-surface p-4">
      <div className="flex flex-wrap items-center gap-2">
        <h2 className="font-semibold">{schedule.name}</h2>
        {write ? null : <Badge tone={schedule.enabled ? "good" : "neutral"}>{schedule.enabled ? t("schedules.on") : t("schedules.off")}</Badge>}
        <span className="flex-1" />
        {write ? (
          <>
            <Switch
              checked={schedule.enabled}
              label={t("schedules.enabled")}
              onChange={(enabled) =>
                save.mutate({ id: schedule.id, schedule: { ...writtenOf(schedule), enabled } }, { onError: (error) => sayFailed(error, t("schedules.unchanged")) })
              }
            />
            <IconButton size="sm" label={t("schedules.edit", { name: schedule.name })} icon={<Pencil size={14} />} onClick={onEdit} />
            <IconButton size="sm" label={t("schedules.remove", { name: schedule.name })} icon={<Trash2 size={14} />} onClick={() => setAsks(true)} />
          </>
        ) : null}
      </div>
      <p translate="no" className="mt-1 line-clamp-2 text-muted">
        {schedule.request.prompt}
      </p>
      <p className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-sm text-muted">
        <code className="font-mono text-xs">{schedule.cron}</code>
        <span>{schedule.timezone}</span>
        <span className="min-w-0 truncate">{schedule.request.repository}</span>
        <span>{next[0] ? t("schedules.next", { time: moment(next[0]) }) : t("schedules.noNext")}</span>
      </p>
      <Confirm
        open={asks}
        onOpenChange={setAsks}
        title={t("schedules.removeTitle", { name: schedule.name })}
        about={t("schedules.removeAbout")}
        action={t("schedules.removeAct")}
        busy={remove.isPending && t("saving", { ns: "common" })}
        onConfirm={() => remove.mutate(schedule.id, { onSuccess: () => say({ kind: "done", title: t("schedules.removed", { name: schedule.name }) }), onError: (error) => sayFailed(error) })}
      />
    </li>
  );
}

function EditSchedule({ schedule, onClose }: { schedule: Schedule | null; onClose: () => void }) {
  const { t } = useTranslation("settings");
  const save = useSaveSchedule();
  const environments = useEnvironments().data ?? [];
  const models = useModels().data ?? [];
  const before = schedule ? writtenOf(schedule) : null;
  const named = environments.some((each) => each.name === before?.task.environment);
  const [form, setForm] = useState({
    name: before?.name ?? "",
    cron: before?.cron ?? "0 7 * * 1-5",
    timezone: before?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    prompt: before?.task.prompt ?? "",
    mode: before?.task.mode ?? ("code" as const),
    environment: before && !named ? "" : (before?.task.environment ?? environments[0]?.name ?? ""),
    repository: before?.task.repository ?? "",
    model: before?.task.model ?? "",
    cost: before?.budget?.cost ? String(before.budget.cost) : "",
  });
  const set = (part: Partial<typeof form>): void => setForm({ ...form, ...part });
  const chosen = form.environment && environments.some((each) => each.name === form.environment);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    const place = chosen ? { environment: form.environment, repository: null } : { environment: null, repository: form.repository.trim() };
    const written: WrittenSchedule = {
      ...before,
      name: form.name.trim(),
      cron: form.cron.trim(),
      timezone: form.timezone.trim(),
      budget: { ...before?.budget, cost: form.cost.trim() ? Number(form.cost) : null },
      task: { ...before?.task, prompt: form.prompt.trim(), mode: form.mode, model: form.model || null, ...place },
    };
    save.mutate({ id: schedule?.id ?? null, schedule: written }, { onSuccess: onClose });
  };
  const failure = save.error ? explain(save.error) : null;
  return (
    <Dialog open onOpenChange={(open) => (open ? undefined : onClose())} title={schedule ? t("schedules.edit", { name: schedule.name }) : t("schedules.new")} about={t("schedules.newAbout")}>
      <form onSubmit={submit} className="grid gap-4 pt-2 sm:grid-cols-2">
        <Field label={t("field.name")}>
          {(ids) => <Input {...ids} required maxLength={200} autoComplete="off" value={form.name} onChange={(event) => set({ name: event.target.value })} />}
        </Field>
        <Field label={t("schedules.mode")}>
          {(ids) => <Select {...ids} value={form.mode} onChange={(mode) => set({ mode })} options={MODES.map((value) => ({ value, label: t(`mode.${value}`, { ns: "common" }) }))} />}
        </Field>
        <div className="sm:col-span-2">
          <Field label={t("schedules.prompt")}>
            {(ids) => <Textarea {...ids} required rows={4} value={form.prompt} onChange={(event) => set({ prompt: event.target.value })} />}
          </Field>
        </div>
        <Field label={t("schedules.environment")}>
          {(ids) => (
            <Select
              {...ids}
              value={chosen ? form.environment : ""}
              onChange={(environment) => set({ environment })}
              options={[...environments.map((each) => ({ value: each.name, label: each.name })), { value: "", label: t("schedules.other") }]}
            />
          )}
        </Field>
        {chosen ? null : (
          <Field label={t("schedules.repository")}>
            {(ids) => <Input {...ids} required value={form.repository} onChange={(event) => set({ repository: event.target.value })} />}
          </Field>
        )}
        <Field label={t("schedules.model")}>
          {(ids) => (
            <Select {...ids} value={form.model} onChange={(model) => set({ model })} options={[{ value: "", label: t("schedules.modelDefault") }, ...models.map((each) => ({ value: each.name, label: each.name }))]} />
          )}
        </Field>
        <Field label={t("schedules.cron")} about={t("schedules.cronAbout")}>
          {(ids) => <Input {...ids} required spellCheck={false} className="font-mono" value={form.cron} onChange={(event) => set({ cron: event.target.value })} />}
        </Field>
        <Field label={t("schedules.timezone")}>
          {(ids) => <Input {...ids} required spellCheck={false} value={form.timezone} onChange={(event) => set({ timezone: event.target.value })} />}
        </Field>
        <Field label={t("schedules.cost")} about={t("schedules.costAbout")}>
          {(ids) => <Input {...ids} type="number" min="0.01" step="any" value={form.cost} onChange={(event) => set({ cost: event.target.value })} />}
        </Field>
        {failure ? (
          <Note kind="bad" title={failure.title} className="sm:col-span-2">
            {failure.detail}
          </Note>
        ) : null}
        <div className="flex justify-end gap-2 sm:col-span-2">
          <Button onClick={onClose}>{t("cancel", { ns: "common" })}</Button>
          <Button type="submit" look="primary" busy={save.isPending && t("saving", { ns: "common" })}>
            {t("save", { ns: "common" })}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
