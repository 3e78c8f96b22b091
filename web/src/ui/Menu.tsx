import { Check } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";

import { cx } from "./class";
import { Keys } from "./Keys";

const PANEL =
  "z-50 min-w-44 max-w-80 animate-rise rounded-lg border border-line bg-raised p-1 shadow-high outline-none max-h-[min(24rem,var(--radix-dropdown-menu-content-available-height))] overflow-y-auto scroll-thin";
const ROW =
  "flex select-none items-center gap-2 rounded-md px-2 py-1.5 text-base outline-none data-highlighted:bg-sunken data-disabled:opacity-50";

/** A menu under its trigger. Not modal: a modal one locks the scroll by a style element. */
export function Menu({ trigger, children, align = "end", label }: { trigger: ReactNode; children: ReactNode; align?: "start" | "end"; label?: string }) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content aria-label={label} align={align} sideOffset={6} collisionPadding={8} className={PANEL}>
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export function MenuItem({
  icon,
  children,
  onSelect,
  keys,
  danger = false,
  disabled = false,
  about,
}: {
  icon?: ReactNode;
  children: ReactNode;
  onSelect: () => void;
  keys?: string;
  danger?: boolean;
  disabled?: boolean;
  about?: string | undefined;
}) {
  return (
    <DropdownMenu.Item onSelect={onSelect} disabled={disabled} className={cx(ROW, danger && "text-bad")}>
      {icon ? <span className="text-muted">{icon}</span> : null}
      <span className="min-w-0 flex-1">
        {children}
        {about ? <span className="block text-xs text-muted">{about}</span> : null}
      </span>
      {keys ? <Keys keys={keys} /> : null}
    </DropdownMenu.Item>
  );
}

export function MenuChoice<T extends string>({
  value,
  onChange,
  options,
}: {
  value: T;
  onChange: (value: T) => void;
  options: { value: T; label: ReactNode; about?: string | undefined }[];
}) {
  return (
    <DropdownMenu.RadioGroup value={value} onValueChange={(next) => onChange(next as T)}>
      {options.map((option) => (
        <DropdownMenu.RadioItem key={option.value} value={option.value} className={ROW}>
          <span className="w-4 text-accent-text">
            <DropdownMenu.ItemIndicator>
              <Check size={14} />
            </DropdownMenu.ItemIndicator>
          </span>
          <span className="min-w-0 flex-1">
            {option.label}
            {option.about ? <span className="block text-xs text-muted">{option.about}</span> : null}
          </span>
        </DropdownMenu.RadioItem>
      ))}
    </DropdownMenu.RadioGroup>
  );
}

export function MenuCheck({ checked, onChange, children }: { checked: boolean; onChange: (checked: boolean) => void; children: ReactNode }) {
  return (
    <DropdownMenu.CheckboxItem
      checked={checked}
      onCheckedChange={onChange}
      onSelect={(event) => event.preventDefault()}
      className={ROW}
    >
      <span className="w-4 text-accent-text">
        <DropdownMenu.ItemIndicator>
          <Check size={14} />
        </DropdownMenu.ItemIndicator>
      </span>
      {children}
    </DropdownMenu.CheckboxItem>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <DropdownMenu.Label className="px-2 pt-1.5 pb-1 text-xs font-medium text-faint">{children}</DropdownMenu.Label>;
}

export function MenuLine() {
  return <DropdownMenu.Separator className="my-1 h-px bg-line" />;
}
