import { useTranslation } from "react-i18next";

import { useOpenPullRequest } from "@/api/tasks";
import type { PullRequestView } from "@/api/types";
import { numberOf } from "@/parts/pulls";
import { sayFailed } from "@/shell/errors";
import { say } from "@/ui/toast";

/** Adds the result of an attempt to the pull request that is open, and says how that went. */
export function useBringUpToDate(task: string, attempt: string) {
  const { t } = useTranslation("task");
  const update = useOpenPullRequest(task, attempt);
  const run = (pull: PullRequestView): void =>
    update.mutate(
      { branch: pull.branch },
      {
        onSuccess: () =>
          say({
            kind: "done",
            title: t("pull.updated", { request: t(`Request.${pull.kind}`, { ns: "common" }), number: numberOf(pull) }),
            detail: t("pull.updatedAbout"),
          }),
        onError: (error) => sayFailed(error, t("pull.updateFailed")),
      },
    );
  return { run, busy: update.isPending };
}
