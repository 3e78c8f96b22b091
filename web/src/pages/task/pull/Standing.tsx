import { ArrowRight, ArrowUpToLine, ExternalLink, GitPullRequest, RefreshCw } from "lucide-react";
import { useTranslation } from "react-i18next";

import { useRefreshPullRequest } from "@/api/tasks";
import type { AttemptLine, PublishedBranch, Publishing, PullRequestView } from "@/api/types";
import { ChecksIcon, PullRequestState } from "@/parts/PullRequest";
import { heldBy, nextAct, numberOf, pageAddress } from "@/parts/pulls";
import { sayFailed } from "@/shell/errors";
import { Button, buttonClass } from "@/ui/Button";
import { Note } from "@/ui/States";
import { Ago } from "@/ui/Time";

import { useTaskPage } from "../context";
import { useBringUpToDate } from "./update";

interface StandingProps {
  task: string;
  attempt: AttemptLine;
  pull: PullRequestView;
  target: Publishing;
  onAnew: () => void;
}

/** How a pull request stands, and what can be done with it. */
export function Standing({ task, attempt, pull, target, onAnew }: StandingProps) {
  const { t } = useTranslation("task");
  const { view } = useTaskPage();
  const refresh = useRefreshPullRequest(task);
  const may = view.acts.includes("publish");
  const address = pageAddress(pull.url);
  const next = nextAct(pull, target.published, attempt);
  return (
    <div className="flex flex-col gap-4 pt-1">
      <div className="rounded-lg border border-line bg-surface px-4 py-3.5">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1 text-sm text-muted" translate="no">
          <PullRequestState state={pull.state} />
          <span className="wrap-anywhere">
            {pull.repository} <span className="tabular">{numberOf(pull)}</span>
          </span>
        </p>
        <p className="mt-1.5 text-lg leading-snug font-semibold wrap-anywhere" translate="no">
          {pull.title}
        </p>
        <p className="mt-2 flex flex-wrap items-center gap-x-1.5 gap-y-1 font-mono text-xs" translate="no">
          <span className="rounded-sm bg-accent-soft px-1.5 py-0.5 wrap-anywhere text-accent-text">{pull.branch}</span>
          <ArrowRight size={13} role="img" aria-label={t("pull.into")} className="text-faint" />
          <span className="rounded-sm bg-sunken px-1.5 py-0.5 wrap-anywhere">{pull.base}</span>
        </p>
        <p role="status" className="mt-2.5 flex flex-wrap items-center gap-x-1.5 gap-y-1 text-sm text-muted">
          <ChecksIcon checks={pull.checks} size={14} />
          <span className="first-letter:uppercase">{t(`pull.checks.${pull.checks}`, { ns: "common" })}</span>
          <span className="text-faint">·</span>
          <span>
            {t("pull.sinceLabel")} <Ago at={pull.at} />
          </span>
        </p>
      </div>
      <WhatItHas pull={pull} published={target.published} attempt={attempt} />
      <div className="flex flex-wrap justify-end gap-2">
        <Button
          icon={<RefreshCw size={14} />}
          disabled={!may}
          busy={refresh.isPending && t("pull.refreshing")}
          onClick={() => refresh.mutate(undefined, { onError: (error) => sayFailed(error, t("pull.refreshFailed")) })}
        >
          {t("pull.refresh")}
        </Button>
        {!target.forge || !may || (next !== "open" && pull.state !== "closed") ? null : (
          <Button icon={<GitPullRequest size={14} />} onClick={onAnew}>
            {t("pull.another")}
          </Button>
        )}
        {address ? (
          <a href={address} target="_blank" rel="noopener noreferrer" className={buttonClass(next === "update" ? "plain" : "primary")}>
            <ExternalLink size={14} aria-hidden />
            {t("pull.goTo", { forge: pull.forge })}
          </a>
        ) : null}
      </div>
    </div>
  );
}

/** Whether the result that is looked at is in it; if it is not, the way to put it there. */
function WhatItHas({ pull, published, attempt }: { pull: PullRequestView; published: readonly PublishedBranch[]; attempt: AttemptLine }) {
  const { t } = useTranslation("task");
  const { view } = useTaskPage();
  const may = view.acts.includes("publish");
  const update = useBringUpToDate(view.task.id, attempt.name);
  if (pull.state === "merged" || pull.state === "closed") {
    const missed = pull.state === "merged" && nextAct(pull, published, attempt) === "open";
    return <p className="text-muted">{t(missed ? "pull.over.missed" : `pull.over.${pull.state}`)}</p>;
  }
  if (nextAct(pull, published, attempt) === null) return <p className="text-muted">{t("pull.current")}</p>;
  const has = heldBy(pull, published);
  return (
    <Note kind="warn" title={t("pull.behind")}>
      <p>{has ? t("pull.behind.about", { has, shown: attempt.name }) : t("pull.behind.unknown")}</p>
      {may ? (
        <Button size="sm" look="primary" className="mt-2" icon={<ArrowUpToLine size={14} />} busy={update.busy && t("pull.updating")} onClick={() => update.run(pull)}>
          {t("pull.update")}
        </Button>
      ) : null}
    </Note>
  );
}
