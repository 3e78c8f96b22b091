import type { TFunction } from "i18next";
import i18next from "i18next";

import { ApiError, type ErrorCode } from "@/api/client";
import { named } from "@/i18n/said";
import { say } from "@/ui/toast";

const TITLED = new Set<ErrorCode>([
  "offline",
  "forbidden",
  "not_found",
  "conflict",
  "invalid",
  "rate_limited",
  "over_quota",
  "internal",
  "unavailable",
  "unauthorized",
]);
const DETAILED = new Set<ErrorCode>(["offline", "rate_limited", "internal", "unavailable", "unauthorized"]);

type Titled = "offline" | "forbidden" | "not_found" | "conflict" | "invalid" | "rate_limited" | "over_quota" | "internal" | "unavailable" | "unauthorized";
type Detailed = "offline" | "rate_limited" | "internal" | "unavailable" | "unauthorized";

/** What happened, and what to do about it. The service's own sentence is the better one, where it says one. */
export function explain(error: unknown, t: TFunction = i18next.t): { title: string; detail: string } {
  if (error instanceof ApiError) {
    const title = TITLED.has(error.code) ? t(`error.${error.code as Titled}`) : t("error.other");
    const said = named(error.reason, error.values, error.message);
    const detail = said || (DETAILED.has(error.code) ? t(`error.${error.code as Detailed}Detail`) : "");
    return { title, detail };
  }
  return { title: t("error.other"), detail: error instanceof Error ? error.message : String(error) };
}

/** Says that something which was asked for did not happen. `title` names it; the rest comes from the failure. */
export function sayFailed(error: unknown, title?: string): void {
  const { title: general, detail } = explain(error);
  say({ kind: "failed", title: title ?? general, detail: title ? [general, detail].filter(Boolean).join(". ") : detail });
}
