import type { ReactNode } from "react";

/** A part of a page with its heading. */
export function Panel({ title, about, aside, children }: { title: string; about?: ReactNode; aside?: ReactNode; children?: ReactNode }) {
  return (
    <section aria-label={title} className="rounded-xl border border-line bg-surface p-4 sm:p-5">
      <header className="flex flex-wrap items-start gap-x-3 gap-y-2">
        <div className="min-w-0 flex-1 basis-56">
          <h2 className="font-semibold">{title}</h2>
          {about ? <p className="mt-0.5 text-sm text-muted">{about}</p> : null}
        </div>
        {aside}
      </header>
      {children ? <div className="mt-4">{children}</div> : null}
    </section>
  );
}
