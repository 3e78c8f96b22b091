import { Tooltip } from "radix-ui";
import type { ReactNode } from "react";

import { Keys } from "./Keys";

/** A word or two beside what the pointer is on, or what has the focus. */
export function Hint({ text, keys, children, side }: { text: string; keys?: string | undefined; children: ReactNode; side?: "top" | "bottom" | "left" | "right" }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content
          side={side ?? "bottom"}
          sideOffset={6}
          collisionPadding={8}
          className="z-50 flex max-w-72 animate-fade items-center gap-2 rounded-md bg-ink px-2 py-1 text-xs text-canvas shadow-high"
        >
          {text}
          {keys ? <Keys keys={keys} inverse /> : null}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

export const HintProvider = Tooltip.Provider;
