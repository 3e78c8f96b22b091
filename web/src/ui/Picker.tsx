import { Command } from "cmdk";
import { Check, ChevronDown } from "lucide-react";
import { Popover } from "radix-ui";
import { type ReactNode, useState } from "react";

import { cx } from "./class";

export interface PickerOption {
  value: string;
  label: string;
  /** Small print under the label, or beside it. */
  about?: ReactNode;
  aside?: ReactNode;
}

interface PickerProps {
  label: string;
  value: string | null;
  onChange: (value: string) => void;
  options: PickerOption[];
  icon?: ReactNode;
  placeholder: string;
  search: string;
  empty: string;
  /** Takes what was typed where no option is it. Returns the words for the row, e.g. "Use “main”". */
  free?: ((typed: string) => string) | undefined;
  shown?: ReactNode;
  footer?: ReactNode;
  onOpen?: () => void;
  className?: string;
}

/** Options that are in the page at a time; of more, those that have what was typed. */
const MOST = 200;

/** The first options that have what was typed, of many; all of few, which the list itself narrows. */
export function narrowed(options: PickerOption[], typed: string): PickerOption[] {
  if (options.length <= MOST) return options;
  const wanted = typed.trim().toLowerCase();
  return options.filter((option) => option.label.toLowerCase().includes(wanted)).slice(0, MOST);
}

/** A choice of many with a search field: environments, branches, models. */
export function Picker({ label, value, onChange, options, icon, placeholder, search, empty, free, shown, footer, onOpen, className }: PickerProps) {
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState("");
  const current = options.find((option) => option.value === value);
  const choose = (next: string): void => {
    onChange(next);
    setOpen(false);
    setTyped("");
  };
  const known = options.some((option) => option.value === typed.trim());
  return (
    <Popover.Root
      open={open}
      onOpenChange={(next) => {
        setOpen(next);
        if (next) onOpen?.();
      }}
    >
      <Popover.Trigger
        aria-label={`${label}: ${current?.label ?? value ?? placeholder}`}
        className={cx(
          "inline-flex h-7.5 max-w-full min-w-0 items-center gap-1.5 rounded-md px-2 text-sm text-muted transition-colors hover:bg-sunken hover:text-ink data-[state=open]:bg-sunken",
          className,
        )}
      >
        {icon}
        <span className="truncate">{shown ?? current?.label ?? value ?? placeholder}</span>
        <ChevronDown size={13} className="shrink-0 opacity-70" />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={6}
          collisionPadding={10}
          className="z-50 w-80 max-w-[calc(100vw-1.5rem)] animate-rise rounded-lg border border-line bg-raised shadow-high outline-none"
        >
          <Command label={label} loop>
            <Command.Input
              value={typed}
              onValueChange={setTyped}
              placeholder={search}
              className="w-full border-b border-line bg-transparent px-3 py-2.5 text-base outline-none"
            />
            <Command.List className="max-h-72 overflow-y-auto scroll-thin p-1" aria-label={label}>
              {!free || !typed.trim() ? <Command.Empty className="px-2 py-3 text-muted">{empty}</Command.Empty> : null}
              {narrowed(options, typed).map((option) => (
                <Command.Item
                  key={option.value}
                  value={`${option.label} ${option.value}`}
                  onSelect={() => choose(option.value)}
                  className="flex items-center gap-2 rounded-md px-2 py-1.5 data-[selected=true]:bg-sunken"
                >
                  <Check size={14} className={cx("shrink-0 text-accent-text", option.value !== value && "invisible")} />
                  <span className="min-w-0 flex-1">
                    <span className="block truncate">{option.label}</span>
                    {option.about ? <span className="block truncate text-xs text-muted">{option.about}</span> : null}
                  </span>
                  {option.aside ? <span className="shrink-0 text-xs text-muted tabular">{option.aside}</span> : null}
                </Command.Item>
              ))}
              {free && typed.trim() && !known ? (
                <Command.Item
                  forceMount
                  value={`free ${typed}`}
                  onSelect={() => choose(typed.trim())}
                  className="flex items-center gap-2 rounded-md px-2 py-1.5 data-[selected=true]:bg-sunken"
                >
                  <span className="w-3.5" />
                  {free(typed.trim())}
                </Command.Item>
              ) : null}
            </Command.List>
          </Command>
          {footer ? <div className="border-t border-line p-1">{footer}</div> : null}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
