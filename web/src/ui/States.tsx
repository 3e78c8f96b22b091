import { CircleAlert, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

import { Spinner } from "./Button";
import { cx } from "./class";

/** What is going on, in words, while there is nothing to show yet. */
export function Working({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <p role="status" className={cx("flex items-center justify-center gap-2.5 p-8 text-muted", className)}>
      <Spinner />
      {children}
    </p>
  );
}

/** Nothing is here, and that is fine: what would be here, and how it comes to be. */
export function Empty({ icon, title, children, actions }: { icon?: ReactNode; title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className="mx-auto flex max-w-md flex-col items-center px-6 py-12 text-center">
      {icon ? <div className="mb-3 text-faint">{icon}</div> : null}
      <h2 className="text-lg font-semibold">{title}</h2>
      {children ? <div className="mt-1 text-muted">{children}</div> : null}
      {actions ? <div className="mt-4 flex flex-wrap justify-center gap-2">{actions}</div> : null}
    </div>
  );
}

const NOTES = {
  info: { look: "bg-accent-soft text-ink", icon: <Info size={16} className="text-accent-text" /> },
  warn: { look: "bg-warn-soft text-ink", icon: <TriangleAlert size={16} className="text-warn" /> },
  bad: { look: "bg-bad-soft text-ink", icon: <CircleAlert size={16} className="text-bad" /> },
};

/** A note in the page: what happened, what was kept, what to do next. */
export function Note({
  kind = "info",
  title,
  children,
  actions,
  className,
}: {
  kind?: keyof typeof NOTES;
  title?: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
  className?: string;
}) {
  const { look, icon } = NOTES[kind];
  return (
    <div role={kind === "bad" ? "alert" : "note"} className={cx("flex items-start gap-2.5 rounded-lg px-3.5 py-2.5", look, className)}>
      <span className="mt-0.5 shrink-0">{icon}</span>
      <div className="min-w-0 flex-1">
        {title ? <p className="font-medium">{title}</p> : null}
        {children ? <div className="text-muted wrap-break-word">{children}</div> : null}
      </div>
      {actions ? <div className="flex shrink-0 flex-wrap gap-2">{actions}</div> : null}
    </div>
  );
}
