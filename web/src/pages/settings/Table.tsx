import type { ReactNode } from "react";

/** Rows under headings; wider than the page it is scrolled, by keys too. */
export function Table({ label, heads, children }: { label: string; heads: ReactNode[]; children: ReactNode }) {
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is scrolled by keys, too
    <div tabIndex={0} role="region" aria-label={label} className="relative overflow-x-auto scroll-thin rounded-xl border border-line bg-surface focus-visible:-outline-offset-2">
      <table className="w-full text-left">
        <thead className="bg-sunken text-sm text-muted">
          <tr>
            {heads.map((head, index) => (
              <th key={index} scope="col" className="px-4 py-2 font-medium whitespace-nowrap">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">{children}</tbody>
      </table>
    </div>
  );
}

/** `translate="no"` where it holds what somebody wrote. */
export function Cell({ children, className = "", translate }: { children?: ReactNode; className?: string; translate?: "no" }) {
  return (
    <td translate={translate} className={`px-4 py-2.5 align-middle ${className}`}>
      {children}
    </td>
  );
}

export function Head({ children }: { children: ReactNode }) {
  return (
    <th scope="row" className="px-4 py-2.5 align-middle font-normal">
      {children}
    </th>
  );
}
