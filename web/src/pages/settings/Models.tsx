import { CircleCheck, CircleX, Cpu, Plus, Trash2 } from "lucide-react";
import { type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { useAddModel, useModels, useModelTest, useRemoveModel } from "@/api/models";
import { useMay } from "@/api/session";
import type { ModelAdd, ModelLine } from "@/api/types";
import { compact, duration, money } from "@/i18n/format";
import { spoken } from "@/i18n/said";
import { explain, sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Badge } from "@/ui/Badge";
import { Button, IconButton } from "@/ui/Button";
import { Confirm, Dialog } from "@/ui/Dialog";
import { Field, Input, Select } from "@/ui/Field";
import { Empty, Note, Working } from "@/ui/States";
import { say } from "@/ui/toast";

import { HeaderAction } from "./HeaderAction";

export function Models() {
  const { t } = useTranslation("settings");
  const models = useModels();
  const { administer } = useMay();
  const [adding, setAdding] = useState(false);
  if (models.isPending) return <Working>{t("models.loading")}</Working>;
  if (!models.data) return <Failed error={models.error} className="" onRetry={() => void models.refetch()} />;
  const add = administer ? (
    <Button look="primary" icon={<Plus size={15} />} onClick={() => setAdding(true)}>
      {t("models.add")}
    </Button>
  ) : null;
  return (
    <>
      {models.data.length === 0 ? (
        <Empty icon={<Cpu size={30} />} title={t("models.none")} actions={add}>
          {t("models.noneAbout")}
        </Empty>
      ) : (
        <>
          <HeaderAction>{add}</HeaderAction>
          <ul className="flex flex-col gap-3">
            {models.data.map((model) => (
              <Model key={model.name} model={model} />
            ))}
          </ul>
        </>
      )}
      {adding ? <AddModel onClose={() => setAdding(false)} /> : null}
    </>
  );
}

function Model({ model }: { model: ModelLine }) {
  const { t } = useTranslation("settings");
  const { administer } = useMay();
  const test = useModelTest();
  const remove = useRemoveModel();
  const [asks, setAsks] = useState(false);
  const free = model.input_price === 0 && model.output_price === 0;
  const facts = [
    [t("models.input"), free ? t("models.free") : money(model.input_price)],
    [t("models.cached"), free ? t("models.free") : money(model.cached_input_price)],
    [t("models.output"), free ? t("models.free") : money(model.output_price)],
    [t("models.window"), compact(model.profile.window)],
    [t("models.strategy"), t(`strategy.${model.profile.strategy}`)],
  ] as const;
  return (
    <li className="rounded-xl border border-line bg-surface p-4">
      <div className="flex flex-wrap items-center gap-2">
        <h2 className="font-semibold wrap-anywhere">{model.name}</h2>
        {model.default ? <Badge tone="accent">{t("models.default")}</Badge> : null}
        <Badge>{t(`source.${model.source}`)}</Badge>
        <span className="flex-1" />
        {administer ? (
          <Button size="sm" busy={test.isPending && t("models.testing")} onClick={() => test.mutate(model.name)}>
            {t("models.test")}
          </Button>
        ) : null}
        {administer && model.source === "added" ? (
          <IconButton size="sm" label={t("models.remove", { name: model.name })} icon={<Trash2 size={14} />} onClick={() => setAsks(true)} />
        ) : null}
      </div>
      <p className="mt-0.5 text-sm text-muted">
        {model.wire} · {model.model}
      </p>
      {model.problem ? (
        <Note kind="warn" className="mt-3" title={t("models.problem")}>
          {spoken(model.problem)}
        </Note>
      ) : null}
      <dl className="mt-3 grid grid-cols-2 gap-x-6 gap-y-2 sm:grid-cols-5">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt className="text-xs text-muted">{name}</dt>
            <dd className="tabular">{value}</dd>
          </div>
        ))}
      </dl>
      <div role="status">
        {test.data ? (
          test.data.ok ? (
            <p className="mt-3 flex items-start gap-2 text-good">
              <CircleCheck size={16} aria-hidden className="mt-0.5 shrink-0" />
              <span>
                {t("models.answered", { time: duration(test.data.seconds), count: test.data.tokens, cost: money(test.data.cost) })}
                {test.data.text ? <span className="block text-muted">“{test.data.text}”</span> : null}
              </span>
            </p>
          ) : (
            <p className="mt-3 flex items-start gap-2 text-bad">
              <CircleX size={16} aria-hidden className="mt-0.5 shrink-0" />
              {spoken(test.data.error ?? "")}
            </p>
          )
        ) : test.error ? (
          <p className="mt-3 text-bad">{explain(test.error).detail || explain(test.error).title}</p>
        ) : null}
      </div>
      <Confirm
        open={asks}
        onOpenChange={setAsks}
        title={t("models.removeTitle", { name: model.name })}
        about={t("models.removeAbout")}
        action={t("models.removeAct")}
        busy={remove.isPending && t("models.removing")}
        onConfirm={() =>
          remove.mutate(model.name, {
            onSuccess: () => say({ kind: "done", title: t("models.removed", { name: model.name }) }),
            onError: (error) => sayFailed(error),
          })
        }
      />
    </li>
  );
}

const WIRES = ["chat", "responses", "anthropic", "google", "mistral"] as const;

function AddModel({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("settings");
  const add = useAddModel();
  const [form, setForm] = useState({ name: "", wire: "chat" as (typeof WIRES)[number], base_url: "", model: "", key: "", input: "", cached: "", output: "", window: "" });
  const set = (part: Partial<typeof form>): void => setForm({ ...form, ...part });
  const figure = (text: string): number | null => (text.trim() === "" ? null : Number(text));
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    const body: ModelAdd = {
      name: form.name.trim(),
      key: form.key || null,
      settings: {
        wire: form.wire,
        base_url: form.base_url.trim() || null,
        name: form.model.trim() || null,
        input_price: figure(form.input),
        cached_input_price: figure(form.cached),
        output_price: figure(form.output),
        window: figure(form.window),
      },
    };
    add.mutate(body, {
      onSuccess: (line) => {
        say({ kind: "done", title: t("models.added", { name: line.name }), detail: t("models.addedAbout") });
        onClose();
      },
    });
  };
  const failure = add.error ? explain(add.error) : null;
  const text = (label: string, key: keyof typeof form, rest: { about?: string; required?: boolean; type?: string; placeholder?: string; pattern?: string } = {}) => {
    const { about, ...input } = rest;
    return (
      <Field label={label} about={about}>
        {(ids) => <Input {...ids} {...input} step="any" autoComplete="off" spellCheck={false} value={form[key]} onChange={(event) => set({ [key]: event.target.value })} />}
      </Field>
    );
  };
  return (
    <Dialog open onOpenChange={(open) => (open ? undefined : onClose())} title={t("models.add")} about={t("models.addAbout")}>
      <form onSubmit={submit} className="grid gap-4 pt-2 sm:grid-cols-2">
        {text(t("field.name"), "name", { about: t("models.nameAbout"), required: true, pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]*" })}
        <Field label={t("models.wire")} about={t("models.wireAbout")}>
          {(ids) => <Select {...ids} value={form.wire} onChange={(wire) => set({ wire })} options={WIRES.map((value) => ({ value, label: t(`wire.${value}`) }))} />}
        </Field>
        {text(t("models.address"), "base_url", { about: t("models.addressAbout"), type: "url", placeholder: "https://" })}
        {text(t("models.model"), "model", { about: t("models.modelAbout") })}
        {text(t("models.key"), "key", { about: t("models.keyAbout"), type: "password" })}
        {text(t("models.window"), "window", { about: t("models.windowAbout"), type: "number" })}
        <fieldset className="grid gap-3 sm:col-span-2 sm:grid-cols-3">
          <legend className="mb-1 text-sm text-muted">{t("models.prices")}</legend>
          {text(t("models.input"), "input", { type: "number", placeholder: "0.00", required: form.output !== "" || form.cached !== "" })}
          {text(t("models.cached"), "cached", { type: "number", placeholder: "0.00" })}
          {text(t("models.output"), "output", { type: "number", placeholder: "0.00", required: form.input !== "" || form.cached !== "" })}
        </fieldset>
        {failure ? (
          <Note kind="bad" title={failure.title} className="sm:col-span-2">
            {failure.detail}
          </Note>
        ) : null}
        <div className="flex justify-end gap-2 sm:col-span-2">
          <Button onClick={onClose}>{t("cancel", { ns: "common" })}</Button>
          <Button type="submit" look="primary" busy={add.isPending && t("models.adding")}>
            {t("models.addAct")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
