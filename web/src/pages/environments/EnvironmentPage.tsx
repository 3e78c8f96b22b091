import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { ArrowLeft, Ellipsis, Play, RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useBuild, useBuildLog, useDeleteEnvironment, useEnvironment, useReset } from "@/api/environments";
import type { EnvironmentView } from "@/api/types";
import { sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Button, buttonClass, IconButton } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";
import { Menu, MenuItem, MenuLine } from "@/ui/Menu";
import { Working } from "@/ui/States";
import { TabPanel, Tabs } from "@/ui/Tabs";
import { say } from "@/ui/toast";

import { Editor } from "./Editor";
import { Network } from "./Network";
import { type Tab } from "./search";
import { Secrets } from "./Secrets";
import { State } from "./State";
import { StateBadge } from "./StateBadge";

const route = getRouteApi("/shell/environments/$name");

export function EnvironmentPage() {
  const { t } = useTranslation("environments");
  const { name } = route.useParams();
  const environment = useEnvironment(name);
  return (
    <div className="mx-auto flex w-full max-w-5xl flex-1 flex-col px-3 pb-16 sm:px-6">
      <Link to="/environments" className={`${buttonClass("quiet", "sm")} mt-4 -ml-2 self-start`}>
        <ArrowLeft size={14} />
        {t("title")}
      </Link>
      {environment.isPending ? (
        <Working>{t("one.loading")}</Working>
      ) : environment.data ? (
        <Loaded key={environment.data.name} view={environment.data} />
      ) : (
        <Failed error={environment.error} title={t("one.failed")} onRetry={() => void environment.refetch()} />
      )}
    </div>
  );
}

function Loaded({ view }: { view: EnvironmentView }) {
  const { t } = useTranslation("environments");
  const navigate = route.useNavigate();
  const tab: Tab = route.useSearch().tab ?? "state";
  // Watched here, so that what is built goes on being told whichever part is open.
  const log = useBuildLog(view.name);
  const building = log.data?.state === "building" || view.state === "building";
  const failing = view.builds[0]?.checks.reduce((sum, check) => sum + check.failing.length, 0) ?? 0;
  return (
    <>
      <header className="flex flex-wrap items-center gap-x-3 gap-y-2 pt-1 pb-4">
        <div className="min-w-0 flex-1">
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <h1 className="text-2xl font-semibold tracking-tight wrap-anywhere">{view.name}</h1>
            <StateBadge state={building ? "building" : view.state} />
          </div>
          <p className="mt-0.5 truncate text-muted" title={view.repository ?? undefined}>
            {view.repository ?? t("noRepository")}
          </p>
        </div>
        <Actions view={view} building={building} />
      </header>
      <Tabs<Tab>
        label={t("tabs")}
        value={tab}
        onChange={(next) => void navigate({ search: next === "state" ? {} : { tab: next }, replace: true })}
        tabs={[
          { value: "state", label: t("tab.state"), aside: failing > 0 ? failing : undefined },
          { value: "edit", label: t("tab.edit") },
          { value: "network", label: t("tab.network") },
          { value: "secrets", label: t("tab.secrets"), aside: view.missing_secrets.length || undefined },
        ]}
      >
        <TabPanel value="state">
          <State view={view} log={log} />
        </TabPanel>
        <TabPanel value="edit">
          <Editor view={view} log={log} />
        </TabPanel>
        <TabPanel value="network">
          <Network view={view} />
        </TabPanel>
        <TabPanel value="secrets">
          <Secrets view={view} />
        </TabPanel>
      </Tabs>
    </>
  );
}

function Actions({ view, building }: { view: EnvironmentView; building: boolean }) {
  const { t } = useTranslation("environments");
  const navigate = useNavigate();
  const build = useBuild(view.name);
  const reset = useReset(view.name);
  const remove = useDeleteEnvironment();
  const [asks, setAsks] = useState<"reset" | "delete" | null>(null);
  const may = new Set(view.acts);
  if (may.size === 0) return <p className="text-sm text-muted">{t("readOnly")}</p>;
  const start = (fresh: boolean): void => build.mutate(fresh, { onError: (error) => sayFailed(error, t("build.failed")) });
  const done = (title: string, detail?: string): void => {
    setAsks(null);
    say({ kind: "done", title, detail });
  };
  return (
    <div className="flex items-center gap-1.5">
      {may.has("build") ? (
        <Button icon={<Play size={14} />} busy={(building && t("build.busy")) || (build.isPending && t("build.starting"))} onClick={() => start(false)}>
          {t("build")}
        </Button>
      ) : null}
      <Menu label={t("more")} trigger={<IconButton label={t("more")} icon={<Ellipsis size={17} />} />}>
        {may.has("build") ? (
          <MenuItem icon={<Play size={15} />} disabled={building} about={t("build.fresh.about")} onSelect={() => start(true)}>
            {t("build.fresh")}
          </MenuItem>
        ) : null}
        {may.has("reset") ? (
          <MenuItem icon={<RotateCcw size={15} />} about={t("reset.hint")} onSelect={() => setAsks("reset")}>
            {t("reset")}
          </MenuItem>
        ) : null}
        {may.has("delete") ? (
          <>
            <MenuLine />
            <MenuItem danger icon={<Trash2 size={15} />} onSelect={() => setAsks("delete")}>
              {t("delete")}
            </MenuItem>
          </>
        ) : null}
      </Menu>
      <Confirm
        open={asks === "reset"}
        onOpenChange={(open) => (open ? undefined : setAsks(null))}
        title={t("reset.title")}
        about={t("reset.about")}
        action={t("reset")}
        busy={reset.isPending && t("reset.busy")}
        onConfirm={() =>
          reset.mutate(undefined, {
            onSuccess: ({ dropped, kept }) => done(t("reset.done", { count: dropped }), kept ? t("reset.kept", { count: kept }) : undefined),
            onError: (error) => sayFailed(error, t("reset.failed")),
          })
        }
      />
      <Confirm
        open={asks === "delete"}
        onOpenChange={(open) => (open ? undefined : setAsks(null))}
        title={t("delete.title", { name: view.name })}
        about={t("delete.about")}
        action={t("delete")}
        busy={remove.isPending && t("delete.busy")}
        onConfirm={() =>
          remove.mutate(view.name, {
            onSuccess: () => {
              done(t("delete.done", { name: view.name }));
              void navigate({ to: "/environments" });
            },
            onError: (error) => sayFailed(error, t("delete.failed")),
          })
        }
      />
    </div>
  );
}
