import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";

import { cx } from "./class";
import { Hint } from "./Hint";

type Look = "primary" | "plain" | "quiet" | "danger";
type Size = "sm" | "md";

const LOOKS: Record<Look, string> = {
  primary: "bg-accent text-accent-ink hover:bg-accent-hover font-medium shadow-sm",
  plain: "bg-surface text-ink border border-line hover:border-line-strong hover:bg-sunken",
  quiet: "text-muted hover:text-ink hover:bg-sunken",
  danger: "bg-surface text-bad border border-line hover:bg-bad-soft hover:border-bad",
};

const SIZES: Record<Size, string> = { sm: "h-7 px-2 text-sm gap-1.5", md: "h-8.5 px-3 text-base gap-2" };

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  size?: Size;
  icon?: ReactNode;
  /** What is going on, in words, while it is: the button is shut and says so. */
  busy?: string | false | undefined;
  ref?: Ref<HTMLButtonElement>;
}

export function buttonClass(look: Look = "plain", size: Size = "md"): string {
  return cx(
    "inline-flex select-none items-center justify-center whitespace-nowrap rounded-md transition-colors",
    "disabled:opacity-55 disabled:pointer-events-none aria-disabled:opacity-55",
    LOOKS[look],
    SIZES[size],
  );
}

export function Button({ look = "plain", size = "md", icon, busy, children, className, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={Boolean(busy) || rest.disabled}
      aria-busy={busy ? true : undefined}
      className={cx(buttonClass(look, size), className)}
    >
      {busy ? <Spinner /> : icon}
      {busy ? busy : children}
    </button>
  );
}

export interface IconButtonProps extends Omit<ButtonProps, "busy"> {
  /** What it does: its accessible name and its hint. */
  label: string;
  keys?: string;
}

export function IconButton({ label, keys, icon, children, look = "quiet", size = "md", className, ...rest }: IconButtonProps) {
  return (
    <Hint text={label} keys={keys}>
      <button
        type="button"
        aria-label={label}
        {...rest}
        className={cx(buttonClass(look, size), size === "sm" ? "w-7 px-0!" : "w-8.5 px-0!", className)}
      >
        {icon}
        {children}
      </button>
    </Hint>
  );
}

export function Spinner({ className }: { className?: string }) {
  return (
    <span
      aria-hidden
      className={cx(
        "inline-block size-3.5 shrink-0 animate-turn rounded-full border-2 border-current border-r-transparent",
        className,
      )}
    />
  );
}
