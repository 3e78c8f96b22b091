import { CircleAlert, CircleCheck, CircleDashed, Cloud, History } from "lucide-react";
import { useTranslation } from "react-i18next";

import type { EnvironmentLine } from "@/api/types";
import { Badge, type Tone } from "@/ui/Badge";
import { Spinner } from "@/ui/Button";

type State = EnvironmentLine["state"];

const LOOKS: Record<State, { tone: Tone; icon: typeof CircleCheck | null }> = {
  building: { tone: "accent", icon: null },
  ready: { tone: "good", icon: CircleCheck },
  stale: { tone: "warn", icon: History },
  failed: { tone: "bad", icon: CircleAlert },
  new: { tone: "neutral", icon: CircleDashed },
  elsewhere: { tone: "neutral", icon: Cloud },
};

/** What is ready of an environment; the hint says what that means. */
export function StateBadge({ state }: { state: State }) {
  const { t } = useTranslation("environments");
  const { tone, icon: Icon } = LOOKS[state];
  return (
    <Badge tone={tone} title={t(`state.about.${state}`)} icon={Icon ? <Icon size={13} aria-hidden /> : <Spinner className="size-3! border-[1.5px]!" />}>
      {t(`state.${state}`)}
    </Badge>
  );
}
