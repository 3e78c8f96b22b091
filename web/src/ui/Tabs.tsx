import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";

import { cx } from "./class";

export interface Tab<T extends string> {
  value: T;
  label: ReactNode;
  /** A small number or mark beside the label. */
  aside?: ReactNode;
}

export function Tabs<T extends string>({
  value,
  onChange,
  tabs,
  label,
  children,
  end,
  inset,
}: {
  value: T;
  onChange: (value: T) => void;
  tabs: Tab<T>[];
  label: string;
  children?: ReactNode;
  end?: ReactNode;
  /** Keeps the first label in line with what stands below it, where that has a margin of its own. */
  inset?: boolean;
}) {
  return (
    <Radix.Root value={value} onValueChange={(next) => onChange(next as T)} className="flex min-h-0 flex-1 flex-col">
      <div className="flex items-center gap-2 border-b border-line">
        <Radix.List aria-label={label} className={cx("flex min-w-0 flex-1 gap-1 overflow-x-auto scroll-thin", inset && "px-1.5")}>
          {tabs.map((tab) => (
            <Radix.Trigger
              key={tab.value}
              value={tab.value}
              className="-mb-px inline-flex items-center gap-1.5 border-b-2 border-transparent px-2.5 py-2 text-base whitespace-nowrap text-muted transition-colors hover:text-ink data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-ink"
            >
              {tab.label}
              {tab.aside ? <span className="text-xs text-faint tabular">{tab.aside}</span> : null}
            </Radix.Trigger>
          ))}
        </Radix.List>
        {end}
      </div>
      {children}
    </Radix.Root>
  );
}

export function TabPanel({ value, children, className }: { value: string; children: ReactNode; className?: string }) {
  return (
    <Radix.Content value={value} className={className ?? "min-h-0 flex-1 outline-none"}>
      {children}
    </Radix.Content>
  );
}
