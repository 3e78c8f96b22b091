import { CircleCheck, CircleDashed, CircleX, GitMerge, GitPullRequest, KeyRound, Lock, Plus, RefreshCw, ScrollText, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

import { useCheckForge, useForges, useRemoveForge } from "@/api/forges";
import { useMay } from "@/api/session";
import type { ForgeView } from "@/api/types";
import { spoken } from "@/i18n/said";
import { pageAddress } from "@/parts/pulls";
import { sayFailed } from "@/shell/errors";
import { Failed } from "@/shell/Failed";
import { Badge } from "@/ui/Badge";
import { Button, IconButton } from "@/ui/Button";
import { Confirm } from "@/ui/Dialog";
import { Empty, Working } from "@/ui/States";
import { Ago } from "@/ui/Time";
import { say } from "@/ui/toast";

import { HeaderAction } from "../HeaderAction";
import { AddForge } from "./AddForge";
import { KNOWN, usualApi } from "./hosts";
import { ReplaceToken } from "./ReplaceToken";

export function Forges() {
  const { t } = useTranslation("settings");
  const forges = useForges();
  const { administer } = useMay();
  const [adding, setAdding] = useState(false);
  if (forges.isPending) return <Working>{t("forges.loading")}</Working>;
  if (!forges.data) return <Failed error={forges.error} className="" onRetry={() => void forges.refetch()} />;
  const add = administer ? (
    <Button look="primary" icon={<Plus size={15} />} onClick={() => setAdding(true)}>
      {t("forges.add")}
    </Button>
  ) : null;
  return (
    <>
      {forges.data.length === 0 ? (
        <NoForge add={add} />
      ) : (
        <>
          <HeaderAction>{add}</HeaderAction>
          <ul className="flex flex-col gap-3">
            {forges.data.map((forge) => (
              <Forge key={forge.name} forge={forge} />
            ))}
          </ul>
        </>
      )}
      {adding ? <AddForge onClose={() => setAdding(false)} /> : null}
    </>
  );
}

/** What a forge is good for, for who has none yet. */
function NoForge({ add }: { add: ReactNode }) {
  const { t } = useTranslation("settings");
  const gains = [
    { icon: ScrollText, words: t("forges.gain.open") },
    { icon: GitMerge, words: t("forges.gain.state") },
    { icon: Lock, words: t("forges.gain.private") },
  ];
  return (
    <Empty icon={<GitPullRequest size={30} />} title={t("forges.none")} actions={add}>
      <p>{t("forges.noneAbout")}</p>
      <ul className="mt-4 flex flex-col gap-2.5 text-left">
        {gains.map(({ icon: Icon, words }) => (
          <li key={words} className="flex items-start gap-2.5">
            <Icon size={16} aria-hidden className="mt-0.5 shrink-0 text-accent-text" />
            {words}
          </li>
        ))}
      </ul>
      {add ? null : <p className="mt-4">{t("forges.noneAsk")}</p>}
    </Empty>
  );
}

/** The software of a forge, by the name that people know it by. */
function software(forge: ForgeView): "github" | "enterprise" | "gitlab" {
  if (forge.kind === "gitlab") return "gitlab";
  return forge.address === KNOWN.github.address ? "github" : "enterprise";
}

const SOFTWARE = { github: "GitHub", enterprise: "GitHub Enterprise", gitlab: "GitLab" } as const;

function Forge({ forge }: { forge: ForgeView }) {
  const { t } = useTranslation("settings");
  const { administer } = useMay();
  const check = useCheckForge();
  const [replacing, setReplacing] = useState(false);
  const address = pageAddress(forge.address);
  return (
    <li className="flex flex-wrap items-start gap-x-4 gap-y-3 rounded-xl border border-line bg-surface p-4">
      <div className="min-w-0 flex-1 basis-72">
        <div className="flex flex-wrap items-center gap-2">
          <h2 className="font-semibold wrap-anywhere" translate="no">
            {forge.name}
          </h2>
          <Badge>{SOFTWARE[software(forge)]}</Badge>
        </div>
        <p className="mt-0.5 flex flex-wrap gap-x-3 text-sm text-muted" translate="no">
          {address ? (
            <a href={address} target="_blank" rel="noopener noreferrer" className="wrap-anywhere hover:text-ink hover:underline">
              {forge.address}
            </a>
          ) : (
            <span className="wrap-anywhere">{forge.address}</span>
          )}
          {forge.api === usualApi(forge.kind, forge.address) ? null : <span className="wrap-anywhere">API: {forge.api}</span>}
        </p>
        <State forge={forge} />
      </div>
      {administer ? (
        <div className="flex items-center gap-1.5">
          <Button size="sm" icon={<RefreshCw size={13} />} busy={check.isPending && t("forges.checking")} onClick={() => check.mutate(forge.name, { onError: (error) => sayFailed(error) })}>
            {t("forges.check")}
          </Button>
          <Button size="sm" icon={<KeyRound size={13} />} onClick={() => setReplacing(true)}>
            {t("forges.replace")}
          </Button>
          <Remove forge={forge} />
        </div>
      ) : null}
      {replacing ? <ReplaceToken forge={forge} onClose={() => setReplacing(false)} /> : null}
    </li>
  );
}

/** What the last check found, in words. */
function State({ forge }: { forge: ForgeView }) {
  const { t } = useTranslation("settings");
  const known = typeof forge.checked === "number";
  const state = !known ? "unchecked" : forge.error ? "broken" : "works";
  const { icon: Icon, look } = STATES[state];
  return (
    <div role="status" className="mt-3 flex items-start gap-2">
      <Icon size={16} aria-hidden className={`mt-0.5 shrink-0 ${look}`} />
      <div className="min-w-0">
        <p className={look}>{state === "works" ? t("forges.works", { account: `@${forge.account}` }) : t(`forges.${state}`)}</p>
        {forge.error ? <p className="mt-0.5 wrap-anywhere">{spoken(forge.error)}</p> : null}
        {typeof forge.checked === "number" ? (
          <p className="mt-0.5 text-sm text-muted">
            {t("forges.checked")} <Ago at={forge.checked} />
          </p>
        ) : null}
      </div>
    </div>
  );
}

const STATES = {
  works: { icon: CircleCheck, look: "text-good" },
  broken: { icon: CircleX, look: "text-bad" },
  unchecked: { icon: CircleDashed, look: "text-muted" },
} as const;

function Remove({ forge }: { forge: ForgeView }) {
  const { t } = useTranslation("settings");
  const remove = useRemoveForge();
  const [asks, setAsks] = useState(false);
  return (
    <>
      <IconButton size="sm" label={t("forges.remove", { name: forge.name })} icon={<Trash2 size={14} />} onClick={() => setAsks(true)} />
      <Confirm
        open={asks}
        onOpenChange={setAsks}
        title={t("forges.removeTitle", { name: forge.name })}
        about={t("forges.removeAbout")}
        action={t("forges.removeAct")}
        busy={remove.isPending && t("forges.removing")}
        onConfirm={() =>
          remove.mutate(forge.name, {
            onSuccess: () => say({ kind: "done", title: t("forges.removed", { name: forge.name }) }),
            onError: (error) => sayFailed(error),
          })
        }
      />
    </>
  );
}
