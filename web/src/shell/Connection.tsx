import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { duration } from "@/i18n/format";
import { reconnect, useConnection } from "@/live/connection";
import { Button } from "@/ui/Button";
import { cx } from "@/ui/class";
import { Hint } from "@/ui/Hint";
import { Note } from "@/ui/States";
import { useNow } from "@/ui/Time";

/** A break shorter than this (seconds) is not worth a bar across the page. */
const PATIENCE = 3;

export function ConnectionDot() {
  const { t } = useTranslation();
  const connection = useConnection();
  if (connection.kind === "idle" || connection.kind === "signed-out") return null;
  const live = connection.kind === "live";
  const words = live ? t("connection.live") : t("connection.lost");
  return (
    <Hint text={words}>
      <span role="status" aria-label={words} className="inline-flex size-8 items-center justify-center">
        <span className={cx("size-2 rounded-full", live ? "bg-good" : "animate-breathe bg-warn")} />
      </span>
    </Hint>
  );
}

export function ConnectionBar() {
  const { t } = useTranslation();
  const connection = useConnection();
  if (connection.kind === "signed-out") {
    return (
      <Note
        kind="warn"
        className="rounded-none"
        actions={
          <Link to="/sign-in" className="font-medium text-accent-text underline">
            {t("connection.signIn")}
          </Link>
        }
      >
        {t("connection.signedOut")}
      </Note>
    );
  }
  return connection.kind === "lost" ? <Lost since={connection.since} /> : null;
}

function Lost({ since }: { since: number }) {
  const { t } = useTranslation();
  const now = useNow();
  const seconds = now - since / 1000;
  if (seconds < PATIENCE) return null;
  return (
    <Note
      kind="warn"
      className="rounded-none"
      actions={
        <Button size="sm" onClick={reconnect}>
          {t("connection.now")}
        </Button>
      }
    >
      {t("connection.lostFor", { time: duration(Math.floor(seconds)) })}
    </Note>
  );
}
