import { Link } from "@tanstack/react-router";
import { Settings, Upload } from "lucide-react";
import { useTranslation } from "react-i18next";

import { useMay } from "@/api/session";
import { usePublishing } from "@/api/tasks";
import type { AttemptLine, Publishing, TaskLine } from "@/api/types";
import { spoken } from "@/i18n/said";
import { isLive, newest } from "@/parts/pulls";
import { Failed } from "@/shell/Failed";
import { Button, buttonClass } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Working } from "@/ui/States";

import { PullRequestForm } from "./PullRequestForm";
import { Standing } from "./Standing";

interface PullRequestProps {
  task: TaskLine;
  attempt: AttemptLine;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  /** Whether one is to be opened, though there is one that is merged or closed. */
  anew: boolean;
  onAnew: () => void;
  /** Goes to pushing a branch, where no pull request can be opened. */
  onPush: () => void;
}

/** Opens a pull request with the result, shows how the one that is there stands, or says why there can be none. */
export function PullRequest({ task, attempt, open, onOpenChange, anew, onAnew, onPush }: PullRequestProps) {
  const { t } = useTranslation("task");
  const query = usePublishing(task.id, attempt.name, open);
  const target = query.data;
  const pull = newest(task.pull_request, target?.pull_request);
  const kind = pull?.kind ?? target?.forge?.kind ?? "github";
  const request = t(`request.${kind}`, { ns: "common" });
  const shown = pull !== null && (isLive(pull) || !anew);
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={shown ? t(`Request.${kind}`, { ns: "common" }) : t("pull.title", { request })}
      about={!shown && target?.forge ? t("pull.about", { repository: target.forge.repository, forge: target.forge.name }) : undefined}
    >
      {query.isPending ? (
        <Working>{t("pull.loading")}</Working>
      ) : !target ? (
        <Failed error={query.error} onRetry={() => void query.refetch()} />
      ) : shown ? (
        <Standing task={task.id} attempt={attempt} pull={pull} target={target} onAnew={onAnew} />
      ) : target.forge ? (
        <PullRequestForm task={task.id} attempt={attempt.name} target={target} forge={target.forge} />
      ) : (
        <Cannot target={target} onPush={onPush} />
      )}
    </Dialog>
  );
}

/** Why none can be opened, and what can be done about that or in its place. */
function Cannot({ target, onPush }: { target: Publishing; onPush: () => void }) {
  const { t } = useTranslation("task");
  const { administer } = useMay();
  // Where the result has nowhere to be pushed to, no forge would help.
  const helps = target.remote !== null && target.remote !== undefined;
  return (
    <div role="status" className="flex flex-col gap-4">
      <div>
        <p className="font-medium">{t("pull.cannot")}</p>
        <p className="mt-1 text-muted wrap-break-word">{spoken(target.forge_reason)}</p>
      </div>
      {helps ? (
        <div className="flex flex-wrap justify-end gap-2">
          <Button icon={<Upload size={14} />} onClick={onPush}>
            {t("pull.pushInstead")}
          </Button>
          {administer ? (
            <Link to="/settings/$section" params={{ section: "forges" }} className={buttonClass("primary")}>
              <Settings size={14} aria-hidden />
              {t("pull.setUp")}
            </Link>
          ) : null}
        </div>
      ) : null}
    </div>
  );
}
