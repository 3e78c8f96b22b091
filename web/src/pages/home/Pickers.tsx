import { Link } from "@tanstack/react-router";
import { Box, Cpu, GitBranch, Layers } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useEnvironments } from "@/api/environments";
import { useModels } from "@/api/models";
import { useBranches } from "@/api/tasks";
import { money } from "@/i18n/format";
import { repositoryName } from "@/parts/Status";
import { explain } from "@/shell/errors";
import { buttonClass } from "@/ui/Button";
import { Menu, MenuChoice, MenuLabel } from "@/ui/Menu";
import { Picker } from "@/ui/Picker";

import type { Draft } from "./draft";

interface Parts {
  draft: Draft;
  change: (part: Partial<Draft>) => void;
}

export function EnvironmentPicker({ draft, change }: Parts) {
  const { t } = useTranslation("home");
  const environments = useEnvironments();
  const options = (environments.data ?? []).map((each) => ({
    value: each.name,
    label: each.name,
    about: each.repository,
  }));
  const known = new Set(options.map((option) => option.value));
  return (
    <Picker
      label={t("environment")}
      icon={<Box size={14} className="shrink-0" />}
      value={draft.environment ?? draft.repository}
      shown={draft.environment ?? (draft.repository ? repositoryName(draft.repository) : undefined)}
      placeholder={t("environment.choose")}
      search={t("environment.search")}
      empty={t("environment.empty")}
      options={options}
      free={(typed) => t("environment.use", { name: typed })}
      onChange={(value) =>
        known.has(value)
          ? change({ environment: value, repository: null, branch: null })
          : change({ environment: null, repository: value, branch: null })
      }
      footer={
        <Link to="/environments" className={`${buttonClass("quiet", "sm")} w-full justify-start!`}>
          {t("environment.manage")}
        </Link>
      }
    />
  );
}

export function BranchPicker({ draft, change, recent }: Parts & { recent: string[] }) {
  const { t } = useTranslation("home");
  const [opened, setOpened] = useState(false);
  const found = useBranches(draft, opened);
  const fallback = found.data?.default ?? undefined;
  const names = found.data ? found.data.branches : recent;
  const named = draft.environment !== null || draft.repository !== null;
  return (
    <Picker
      label={t("branch")}
      icon={<GitBranch size={14} className="shrink-0" />}
      value={draft.branch ?? ""}
      placeholder={t("branch.default")}
      search={t("branch.search")}
      empty={t("branch.empty")}
      options={[
        { value: "", label: t("branch.default"), aside: fallback },
        ...names.map((name) => ({ value: name, label: name })),
      ]}
      onOpen={() => setOpened(true)}
      footer={<BranchState named={named} asked={found} />}
      free={(typed) => t("branch.use", { name: typed })}
      onChange={(value) => change({ branch: value || null })}
    />
  );
}

/** What there is to say about where the branches come from. */
function BranchState({ named, asked }: { named: boolean; asked: ReturnType<typeof useBranches> }) {
  const { t } = useTranslation("home");
  const said = "px-2 py-1 text-xs text-muted";
  if (!named) return <p className={said}>{t("branch.noRepository")}</p>;
  if (asked.isError) {
    return (
      <p role="alert" className={said}>
        {t("branch.failed")} {explain(asked.error).detail}
      </p>
    );
  }
  if (asked.isFetching) return <p className={said}>{t("branch.loading")}</p>;
  return <p className={said}>{t("branch.count", { count: asked.data?.branches.length ?? 0 })}</p>;
}

export function ModelPicker({ draft, change }: Parts) {
  const { t } = useTranslation("home");
  const models = useModels();
  const options = (models.data ?? []).map((model) => {
    const { input_price: input, output_price: output } = model;
    const free = input === 0 && output === 0;
    const priced = typeof input === "number" && typeof output === "number";
    return {
      value: model.name,
      label: model.name,
      about: free ? t("model.free") : priced ? t("model.price", { input: money(input), output: money(output) }) : undefined,
      aside: model.default ? t("model.default") : undefined,
    };
  });
  const fallback = models.data?.find((model) => model.default)?.name;
  return (
    <Picker
      label={t("model")}
      icon={<Cpu size={14} className="shrink-0" />}
      value={draft.model ?? fallback ?? null}
      placeholder={t("model.default")}
      search={t("model.search")}
      empty={t("model.empty")}
      options={options}
      onChange={(value) => change({ model: value === fallback ? null : value })}
      footer={
        <Link to="/settings/$section" params={{ section: "models" }} className={`${buttonClass("quiet", "sm")} w-full justify-start!`}>
          {t("model.add")}
        </Link>
      }
    />
  );
}

const COUNTS = ["1", "2", "3", "4", "5", "6", "7", "8"] as const;

export function AttemptsPicker({ draft, change }: Parts) {
  const { t } = useTranslation("home");
  return (
    <Menu
      align="start"
      label={t("attempts")}
      trigger={
        <button
          type="button"
          aria-label={t("attempts", { count: draft.attempts })}
          className="inline-flex h-7.5 items-center gap-1.5 rounded-md px-2 text-sm text-muted transition-colors hover:bg-sunken hover:text-ink"
        >
          <Layers size={14} />
          {draft.attempts}×
        </button>
      }
    >
      <MenuLabel>{t("attempts.about")}</MenuLabel>
      <MenuChoice
        value={String(draft.attempts)}
        onChange={(value) => change({ attempts: Number(value) })}
        options={COUNTS.map((value) => ({ value, label: t("attempts", { count: Number(value) }) }))}
      />
    </Menu>
  );
}
