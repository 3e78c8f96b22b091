import { cx } from "./class";

const MAC = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.userAgent);

/** "mod+k" as the keys of this machine: ⌘K, or Ctrl K. Keys one after the other are parted by a space. */
export function keyLabels(keys: string): string[] {
  return keys.split(/[\s+]/).map((key) => {
    if (key === "mod") return MAC ? "⌘" : "Ctrl";
    if (key === "enter") return "↵";
    if (key === "shift") return "⇧";
    if (key === "esc") return "Esc";
    return key.length === 1 ? key.toUpperCase() : key;
  });
}

export function Keys({ keys, inverse = false }: { keys: string; inverse?: boolean }) {
  return (
    <span className="inline-flex gap-0.5">
      {keyLabels(keys).map((label, index) => (
        <kbd
          key={index}
          className={cx(
            "inline-flex h-4.5 min-w-4.5 items-center justify-center rounded-sm border px-1 font-sans text-2xs",
            inverse ? "border-current/30" : "border-line bg-sunken text-muted",
          )}
        >
          {label}
        </kbd>
      ))}
    </span>
  );
}
