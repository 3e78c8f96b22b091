import { useEffect, useRef } from "react";

/** Shortcuts by key: "j", "mod+k", or two in a row: "g t". */
export type Shortcuts = Record<string, (event: KeyboardEvent) => void>;

interface Layer {
  shortcuts: () => Shortcuts;
}

const layers: Layer[] = [];
let first: { key: string; at: number } | null = null;
const IN_A_ROW = 1200;

/** Whether the key is for a field, a menu or a dialog rather than for the page. */
function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.closest("input, textarea, select, [role=menu], [role=listbox]") !== null;
}

export function nameOf(event: KeyboardEvent): string {
  const mod = event.metaKey || event.ctrlKey ? "mod+" : "";
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return mod + (event.shiftKey && event.key.length > 1 ? "shift+" : "") + key;
}

function pressed(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || event.altKey) return;
  const name = nameOf(event);
  const own = name.startsWith("mod+");
  if (!own && (typing(event.target) || document.querySelector("[data-modal]"))) return;
  const pair = first && event.timeStamp - first.at < IN_A_ROW ? `${first.key} ${name}` : null;
  first = null;
  for (const layer of [...layers].reverse()) {
    const shortcuts = layer.shortcuts();
    const act = (pair && shortcuts[pair]) ?? shortcuts[name];
    if (act) {
      event.preventDefault();
      act(event);
      return;
    }
  }
  if (!own && name.length === 1) first = { key: name, at: event.timeStamp };
}

if (typeof window !== "undefined") window.addEventListener("keydown", pressed);

/** Adds shortcuts while the component is shown; those of what is shown last come first. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    const layer = { shortcuts: () => latest.current };
    layers.push(layer);
    return () => void layers.splice(layers.indexOf(layer), 1);
  }, []);
}
