import { Check, CircleDot, GitMerge, GitPullRequest, GitPullRequestClosed, GitPullRequestDraft, type LucideIcon, X } from "lucide-react";
import { useTranslation } from "react-i18next";

import type { PullRequestView } from "@/api/types";
import { Badge, type Tone } from "@/ui/Badge";
import { cx } from "@/ui/class";

import { numberOf, pageAddress } from "./pulls";

type State = PullRequestView["state"];
type Checks = PullRequestView["checks"];

const STATE_TONES: Record<State, Tone> = { draft: "neutral", open: "good", merged: "accent", closed: "bad" };
const STATE_ICONS: Record<State, LucideIcon> = { draft: GitPullRequestDraft, open: GitPullRequest, merged: GitMerge, closed: GitPullRequestClosed };

const CHECKS: Record<Exclude<Checks, "none">, { icon: LucideIcon; look: string }> = {
  running: { icon: CircleDot, look: "text-warn" },
  passed: { icon: Check, look: "text-good" },
  failed: { icon: X, look: "text-bad" },
};

export function PullRequestState({ state }: { state: State }) {
  const { t } = useTranslation();
  const Icon = STATE_ICONS[state];
  return (
    <Badge tone={STATE_TONES[state]} icon={<Icon size={13} aria-hidden />}>
      {t(`pull.state.${state}`)}
    </Badge>
  );
}

/** How its checks on the forge stand, by shape and colour. Nothing where it has none. */
export function ChecksIcon({ checks, size = 13 }: { checks: Checks; size?: number }) {
  if (checks === "none") return null;
  const { icon: Icon, look } = CHECKS[checks];
  return <Icon size={size} strokeWidth={2.75} aria-hidden className={cx("shrink-0", look)} />;
}

/** What a pull request is and how it stands, in one sentence. */
export function usePullRequestName(pull: PullRequestView): string {
  const { t } = useTranslation();
  return t("pull.name", {
    request: t(`request.${pull.kind}`),
    number: numberOf(pull),
    repository: pull.repository,
    state: t(`pull.state.${pull.state}`),
    checks: t(`pull.checks.${pull.checks}`),
  });
}

/** "#12 Open ✓": the way to it, wherever its task is named. Its name begins with what is seen. */
export function PullRequestBadge({ pull }: { pull: PullRequestView }) {
  const { t } = useTranslation();
  const name = usePullRequestName(pull);
  const address = pageAddress(pull.url);
  const Icon = STATE_ICONS[pull.state];
  const shown = (
    <Badge tone={STATE_TONES[pull.state]} icon={<Icon size={13} aria-hidden />}>
      <span className="tabular">
        {numberOf(pull)} {t(`pull.state.${pull.state}`)}
      </span>
      <ChecksIcon checks={pull.checks} />
    </Badge>
  );
  if (address === null) {
    return (
      <span role="img" aria-label={name} title={name} className="inline-flex">
        {shown}
      </span>
    );
  }
  return (
    <a
      href={address}
      target="_blank"
      rel="noopener noreferrer"
      aria-label={t("pull.opens", { name })}
      title={name}
      className="inline-flex rounded-full hover:brightness-95 focus-visible:rounded-full dark:hover:brightness-125"
    >
      {shown}
    </a>
  );
}
