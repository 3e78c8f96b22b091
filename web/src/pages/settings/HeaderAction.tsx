import { createContext, type ReactNode, use } from "react";
import { createPortal } from "react-dom";

/** Where the heading of the settings has room for what the section can do. */
export const HeaderSlot = createContext<HTMLElement | null>(null);

/** Puts a button beside the heading of the section. */
export function HeaderAction({ children }: { children: ReactNode }) {
  const slot = use(HeaderSlot);
  return slot ? createPortal(children, slot) : null;
}
