import { Eye, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useMakeRoom, useRetention } from "@/api/administration";
import type { Keep, RoomMade } from "@/api/types";
import { bytes, date } from "@/i18n/format";
import { explain } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Button } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";
import { Field, Input } from "@/ui/Field";
import { Panel } from "@/ui/Panel";
import { Note, Working } from "@/ui/States";

const GB = 1e9;

export function Retention() {
  const retention = useRetention();
  const { t } = useTranslation("settings");
  if (retention.isPending) return <Working>{t("retention.loading")}</Working>;
  if (!retention.data) return <Failed error={retention.error} className="" onRetry={() => void retention.refetch()} />;
  return (
    <>
      <Note>{t("retention.settings", { size: bytes(retention.data.blob_bytes) })}</Note>
      <MakeRoom keep={retention.data.keep} />
    </>
  );
}

function MakeRoom({ keep }: { keep: Keep }) {
  const { t } = useTranslation("settings");
  const shown = (value: number | null | undefined): string => (typeof value === "number" ? String(value) : "");
  const [form, setForm] = useState({
    tasks: shown(keep.tasks_days),
    outputs: shown(keep.outputs_days),
    workspaces: shown(keep.workspaces_days),
    disk: typeof keep.disk_bytes === "number" ? String(keep.disk_bytes / GB) : "",
  });
  const room = useMakeRoom();
  const [asks, setAsks] = useState(false);
  const figure = (text: string): number | null => (text.trim() === "" ? null : Number(text));
  const wanted = {
    tasks_days: figure(form.tasks),
    outputs_days: figure(form.outputs),
    workspaces_days: figure(form.workspaces),
    disk_bytes: form.disk.trim() ? Math.round(Number(form.disk) * GB) : null,
  };
  const valid = Object.values(form).every((text) => text.trim() === "" || Number(text) >= 0);
  // What goes is what the dry run told: it is asked for anew when a figure is changed.
  const told = room.data && JSON.stringify(room.variables.keep) === JSON.stringify(wanted) ? room.data : null;
  const run = (dry: boolean): void => room.mutate({ dry_run: dry, keep: wanted }, { onSettled: () => setAsks(false) });
  const fields = [
    ["tasks", t("retention.tasks"), t("retention.tasksAbout")],
    ["outputs", t("retention.outputs"), t("retention.outputsAbout")],
    ["workspaces", t("retention.workspaces"), t("retention.workspacesAbout")],
    ["disk", t("retention.disk"), t("retention.diskAbout")],
  ] as const;
  const failure = room.error ? explain(room.error) : null;
  return (
    <Panel title={t("retention.title")} about={t("retention.about")}>
      <div className="grid gap-4 sm:grid-cols-2">
        {fields.map(([key, label, about]) => (
          <Field key={key} label={label} about={about}>
            {(ids) => (
              <Input {...ids} type="number" min="0" step="any" placeholder={t("retention.ever")} value={form[key]} onChange={(event) => setForm({ ...form, [key]: event.target.value })} />
            )}
          </Field>
        ))}
      </div>
      <div className="mt-4 flex flex-wrap gap-2">
        <Button icon={<Eye size={15} />} disabled={!valid} busy={room.isPending && room.variables.dry_run && t("retention.looking")} onClick={() => run(true)}>
          {t("retention.dry")}
        </Button>
        {told?.dry_run && told.task_count + told.workspaces + told.blobs > 0 ? (
          <Button look="danger" icon={<Trash2 size={15} />} onClick={() => setAsks(true)}>
            {t("retention.run")}
          </Button>
        ) : null}
      </div>
      <div role="status" className="mt-4 empty:hidden">
        {failure ? <Note kind="bad">{failure.detail || failure.title}</Note> : told ? <Told made={told} /> : null}
      </div>
      <Confirm
        open={asks}
        onOpenChange={setAsks}
        title={t("retention.sure")}
        about={t("retention.sureAbout")}
        action={t("retention.run")}
        busy={room.isPending && t("retention.running")}
        onConfirm={() => run(false)}
      />
    </Panel>
  );
}

function Told({ made }: { made: RoomMade }) {
  const { t } = useTranslation("settings");
  const whole = made.tasks.filter((task) => task.what === "task").length;
  const figures = [
    [t("retention.wholeTasks"), String(whole)],
    [t("retention.thinTasks"), String(made.task_count - whole)],
    [t("retention.folders"), String(made.workspaces)],
    [t("retention.blobs"), String(made.blobs)],
    [t("retention.freed"), bytes(made.bytes)],
    [t("retention.left"), bytes(made.left_bytes)],
  ] as const;
  return (
    <>
      <p className="font-medium">{made.dry_run ? t("retention.would") : t("retention.did")}</p>
      <dl className="mt-2 grid grid-cols-2 gap-x-6 gap-y-2 sm:grid-cols-6">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt className="text-xs text-muted">{name}</dt>
            <dd className="tabular">{value}</dd>
          </div>
        ))}
      </dl>
      {made.tasks.length > 0 ? (
        <details className="mt-3">
          <summary className="text-sm text-muted">{t("retention.which", { count: made.task_count })}</summary>
          <ul className="mt-2 max-h-64 divide-y divide-line overflow-y-auto scroll-thin">
            {made.tasks.map((task) => (
              <li key={`${task.id} ${task.what}`} className="flex justify-between gap-4 py-1.5 text-sm">
                <span className="min-w-0 truncate">{task.title}</span>
                <span className="shrink-0 text-muted">
                  {task.what === "task" ? t("retention.goesWhole") : t("retention.goesThin")} · {date(task.updated)}
                </span>
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </>
  );
}
