import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import { type ReactNode, useRef } from "react";
import { useTranslation } from "react-i18next";

import { Button, buttonClass } from "./Button";
import { cx } from "./class";

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  /** A sentence under the title. */
  about?: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
  size?: "sm" | "md" | "lg" | "full";
  /** Shows no heading of its own; the title is still what a screen reader says. */
  bare?: boolean;
  /** Slides in from the right, for what is read beside the page. */
  sheet?: boolean;
}

const WIDTHS = { sm: "max-w-md", md: "max-w-xl", lg: "max-w-4xl", full: "max-w-6xl" };

/** The backdrop is ours, since Radix's locks the scroll by a style element, which the content-security policy stops. */
export function Dialog({ open, onOpenChange, title, about, children, actions, size = "md", bare, sheet }: DialogProps) {
  const { t } = useTranslation();
  const before = useRef<Element | null>(null);
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <div data-modal aria-hidden className="fixed inset-0 z-40 animate-fade bg-black/35 backdrop-blur-[1px]" />
        <Radix.Content
          {...(about ? {} : { "aria-describedby": undefined })}
          onOpenAutoFocus={() => {
            before.current = document.activeElement;
          }}
          onCloseAutoFocus={(event) => {
            // Radix gives the focus back to its own trigger only, and these are opened by keys and menus too.
            event.preventDefault();
            if (before.current instanceof HTMLElement) before.current.focus();
          }}
          className={cx(
            "fixed z-40 flex flex-col border border-line bg-raised shadow-high outline-none",
            sheet
              ? "inset-y-0 right-0 w-full max-w-3xl animate-fade border-y-0 border-r-0"
              : "inset-x-3 top-[max(1rem,8vh)] mx-auto max-h-[84vh] animate-rise rounded-xl",
            !sheet && WIDTHS[size],
          )}
        >
          {bare ? (
            <Radix.Title className="sr-only">{title}</Radix.Title>
          ) : (
            <header className="flex items-start gap-3 px-5 pt-4 pb-2">
              <div className="min-w-0 flex-1">
                <Radix.Title className="text-lg font-semibold">{title}</Radix.Title>
                {about ? <Radix.Description className="mt-0.5 text-muted">{about}</Radix.Description> : null}
              </div>
              <Radix.Close asChild>
                {/* Without a hint: one would be the topmost layer while this has the focus, and take the Escape that closes the dialog. */}
                <button type="button" aria-label={t("close")} className={cx(buttonClass("quiet", "sm"), "w-7 px-0!")}>
                  <X size={16} />
                </button>
              </Radix.Close>
            </header>
          )}
          <div className={cx("min-h-0 flex-1 overflow-y-auto scroll-thin", !bare && "px-5 pb-5")}>{children}</div>
          {actions ? <footer className="flex justify-end gap-2 border-t border-line px-5 py-3">{actions}</footer> : null}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** Asks before something that cannot be taken back. */
export function Confirm({
  open,
  onOpenChange,
  title,
  about,
  action,
  onConfirm,
  busy,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  about: ReactNode;
  action: string;
  onConfirm: () => void;
  busy?: string | false;
}) {
  const { t } = useTranslation();
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={title}
      about={about}
      size="sm"
      actions={
        <>
          <Button onClick={() => onOpenChange(false)}>{t("keep")}</Button>
          <Button look="danger" busy={busy} onClick={onConfirm}>
            {action}
          </Button>
        </>
      }
    />
  );
}
