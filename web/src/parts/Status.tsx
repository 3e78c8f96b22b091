import { Ban, CircleAlert, CircleCheck, CircleDashed, CirclePause, CircleX, Clock, MessageCircle, Minus } from "lucide-react";
import { useTranslation } from "react-i18next";

import type { TaskLine } from "@/api/types";
import { Badge, type Tone } from "@/ui/Badge";
import { Spinner } from "@/ui/Button";
import { cx } from "@/ui/class";

type Status = TaskLine["status"];
type Verdict = NonNullable<TaskLine["verdict"]>;

export const VERDICT_TONES: Record<Verdict, Tone> = {
  verified: "good",
  unverified: "warn",
  failing: "bad",
  unchanged: "neutral",
  answered: "accent",
};

const VERDICT_ICONS = {
  verified: CircleCheck,
  unverified: CircleDashed,
  failing: CircleX,
  unchanged: Minus,
  answered: MessageCircle,
} as const;

const STATUS_ICONS = {
  queued: Clock,
  interrupted: CirclePause,
  failed: CircleAlert,
  cancelled: Ban,
} as const;

const TEXT: Record<Tone, string> = {
  neutral: "text-faint",
  accent: "text-accent-text",
  good: "text-good",
  bad: "text-bad",
  warn: "text-warn",
};

const STATUS_TONES: Record<Exclude<Status, "done">, Tone> = {
  queued: "neutral",
  running: "accent",
  interrupted: "warn",
  failed: "bad",
  cancelled: "neutral",
};

/** Where a task stands, by shape and colour; the words are its name. */
export function StatusIcon({ status, verdict, size = 17 }: { status: Status; verdict?: Verdict | null | undefined; size?: number }) {
  const { t } = useTranslation();
  if (status === "running") {
    return (
      <span role="img" aria-label={t("status.running")} className="inline-flex text-accent-text">
        <Spinner className="size-4!" />
      </span>
    );
  }
  if (status === "done") {
    const shown = verdict ?? "unverified";
    const Icon = VERDICT_ICONS[shown];
    return <Icon size={size} role="img" aria-label={t(`verdict.${shown}`)} className={cx("shrink-0", TEXT[VERDICT_TONES[shown]])} />;
  }
  const Icon = STATUS_ICONS[status];
  return <Icon size={size} role="img" aria-label={t(`status.${status}`)} className={cx("shrink-0", TEXT[STATUS_TONES[status]])} />;
}

export function VerdictBadge({ verdict }: { verdict: Verdict }) {
  const { t } = useTranslation();
  const Icon = VERDICT_ICONS[verdict];
  return (
    <Badge tone={VERDICT_TONES[verdict]} icon={<Icon size={13} aria-hidden />} title={t(`verdict.about.${verdict}`)}>
      {t(`verdict.${verdict}`)}
    </Badge>
  );
}

export function StatusBadge({ status, verdict }: { status: Status; verdict?: Verdict | null | undefined }) {
  const { t } = useTranslation();
  if (status === "done" && verdict) return <VerdictBadge verdict={verdict} />;
  if (status === "done") return <Badge>{t("status.done")}</Badge>;
  const Icon = status === "running" ? null : STATUS_ICONS[status];
  return (
    <Badge tone={STATUS_TONES[status]} icon={Icon ? <Icon size={13} aria-hidden /> : <Spinner className="size-3! border-[1.5px]!" />}>
      {t(`status.${status}`)}
    </Badge>
  );
}

/** The last two parts of an address or a folder: what people call a repository. */
export function repositoryName(repository: string): string {
  const parts = repository.replace(/\.git$/, "").split(/[/:]/).filter(Boolean);
  return parts.slice(-1).join("/") || repository;
}
