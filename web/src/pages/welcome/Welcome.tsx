import { Link, useNavigate } from "@tanstack/react-router";
import { ArrowRight, CircleCheck, CircleX, Cpu, Play, Rocket } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

import { makeDemo, newKey, useSubmit } from "@/api/tasks";
import { useModels, useModelTest } from "@/api/models";
import { useMay } from "@/api/session";
import type { ModelLine } from "@/api/types";
import { duration, money } from "@/i18n/format";
import { spoken } from "@/i18n/said";
import { explain, sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Button, buttonClass } from "@/ui/Button";
import { cx } from "@/ui/class";
import { Note, Working } from "@/ui/States";

import { Embedded } from "./Embedded";

/** From nothing to a solved task: a model, an example, and watching it. */
export function Welcome() {
  const { t } = useTranslation("welcome");
  const models = useModels();
  const [picked, setPicked] = useState<string | null>(null);
  if (models.isPending) return <Working className="flex-1">{t("models.loading")}</Working>;
  if (!models.data) return <Failed error={models.error} title={t("models.failed")} onRetry={() => void models.refetch()} />;
  const usable = models.data.filter((model) => !model.problem);
  const model = usable.find((each) => each.name === picked) ?? usable.find((each) => each.default) ?? usable[0] ?? null;
  return (
    <div className="mx-auto w-full max-w-2xl px-4 py-10 sm:py-14">
      <h1 className="text-2xl font-semibold tracking-tight">{t("title")}</h1>
      <p className="mt-2 text-lg text-muted">{t("about")}</p>
      <ol className="mt-8 flex flex-col gap-4">
        <Step number={1} title={t("model")} done={model !== null}>
          <ModelStep models={models.data} chosen={model} onChoose={setPicked} />
        </Step>
        <Step number={2} title={t("demo")} done={false}>
          <DemoStep model={model} />
        </Step>
        <Step number={3} title={t("own")} done={false}>
          <p className="text-muted">{t("own.about")}</p>
          <div className="mt-3 flex flex-wrap gap-2">
            <Link to="/" hash="new" className={buttonClass("plain", "sm")}>
              {t("own.task")}
              <ArrowRight size={14} />
            </Link>
            <Link to="/environments" className={buttonClass("plain", "sm")}>
              {t("own.environment")}
            </Link>
            <Link to="/settings/$section" params={{ section: "people" }} className={buttonClass("plain", "sm")}>
              {t("own.people")}
            </Link>
          </div>
        </Step>
      </ol>
    </div>
  );
}

function Step({ number, title, done, children }: { number: number; title: string; done: boolean; children: ReactNode }) {
  return (
    <li className="flex gap-4 rounded-xl border border-line bg-surface p-5">
      <span aria-hidden className={cx("flex size-7 shrink-0 items-center justify-center rounded-full text-sm font-semibold", done ? "bg-good-soft text-good" : "bg-accent-soft text-accent-text")}>
        {done ? <CircleCheck size={16} /> : number}
      </span>
      <div className="min-w-0 flex-1">
        <h2 className="mb-1 text-lg font-semibold">{title}</h2>
        {children}
      </div>
    </li>
  );
}

function ModelStep({ models, chosen, onChoose }: { models: ModelLine[]; chosen: ModelLine | null; onChoose: (name: string) => void }) {
  const { t } = useTranslation("welcome");
  const test = useModelTest();
  const { administer } = useMay();
  if (!chosen) {
    return (
      <>
        <Note kind="warn" title={t("model.none")}>
          {models[0]?.problem ? spoken(models[0].problem) : t("model.noneAbout")}
        </Note>
        {administer ? (
          <Link to="/settings/$section" params={{ section: "models" }} className={`${buttonClass("primary", "sm")} mt-3`}>
            {t("model.add")}
          </Link>
        ) : null}
      </>
    );
  }
  return (
    <>
      <p className="text-muted">{t("model.about")}</p>
      <div role="radiogroup" aria-label={t("model")} className="mt-3 flex flex-wrap gap-2">
        {models.map((model) => (
          <button
            key={model.name}
            type="button"
            role="radio"
            aria-checked={model.name === chosen.name}
            disabled={Boolean(model.problem)}
            title={model.problem ? spoken(model.problem) : undefined}
            onClick={() => onChoose(model.name)}
            className="inline-flex h-8.5 items-center gap-2 rounded-md border border-line px-3 transition-colors hover:border-line-strong aria-checked:border-accent aria-checked:bg-accent-soft disabled:opacity-50"
          >
            <Cpu size={14} className="text-muted" />
            {model.name}
          </button>
        ))}
      </div>
      {chosen.source === "embedded" ? <Embedded /> : null}
      <div className="mt-3 flex flex-wrap items-center gap-3 text-sm">
        <Button size="sm" busy={test.isPending && t("model.testing")} onClick={() => test.mutate(chosen.name)}>
          {t("model.test")}
        </Button>
        {test.data && test.variables === chosen.name ? (
          test.data.ok ? (
            <span className="inline-flex items-center gap-1.5 text-good">
              <CircleCheck size={15} />
              {t("model.answers", { time: duration(test.data.seconds), cost: money(test.data.cost) })}
            </span>
          ) : (
            <span className="inline-flex items-center gap-1.5 text-bad">
              <CircleX size={15} className="shrink-0" />
              {spoken(test.data.error ?? "")}
            </span>
          )
        ) : test.error ? (
          <span className="text-bad">{explain(test.error).detail || explain(test.error).title}</span>
        ) : null}
      </div>
    </>
  );
}

function DemoStep({ model }: { model: ModelLine | null }) {
  const { t } = useTranslation("welcome");
  const navigate = useNavigate();
  const submit = useSubmit();
  const { administer } = useMay();
  const [busy, setBusy] = useState(false);
  const run = async (): Promise<void> => {
    setBusy(true);
    try {
      const { repository, prompt } = await makeDemo();
      const view = await submit.mutateAsync({ task: { prompt, repository, mode: "code", ...(model ? { model: model.name } : {}) }, key: newKey() });
      await navigate({ to: "/tasks/$task", params: { task: view.task.id } });
    } catch (error) {
      sayFailed(error, t("demo.failed"));
      setBusy(false);
    }
  };
  return (
    <>
      <p className="text-muted">{t("demo.about")}</p>
      <Button look="primary" className="mt-3" icon={busy ? <Rocket size={15} /> : <Play size={15} />} disabled={!model || !administer} busy={busy && t("demo.busy")} onClick={() => void run()}>
        {t("demo.run")}
      </Button>
      {!administer ? <p className="mt-2 text-sm text-muted">{t("demo.admin")}</p> : null}
    </>
  );
}
