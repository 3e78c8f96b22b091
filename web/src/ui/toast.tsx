import { CircleAlert, CircleCheck, X } from "lucide-react";
import { Toast } from "radix-ui";
import { useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";

import { Button, IconButton } from "./Button";

interface Said {
  id: number;
  kind: "done" | "failed";
  title: string;
  /** What was kept and what to do next. */
  detail?: string | undefined;
  action?: { label: string; run: () => void } | undefined;
}

let said: Said[] = [];
let count = 0;
const listeners = new Set<() => void>();

function publish(next: Said[]): void {
  said = next;
  for (const listener of listeners) listener();
}

/** Says what was done, or what failed and what to do about it. */
export function say(message: Omit<Said, "id">): void {
  count += 1;
  publish([...said.slice(-3), { ...message, id: count }]);
}

export function Toasts() {
  const { t } = useTranslation();
  const messages = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => said,
  );
  return (
    <Toast.Provider swipeDirection="right" label={t("notification")}>
      {messages.map((message) => (
        <Toast.Root
          key={message.id}
          duration={message.kind === "failed" ? 12_000 : 5_000}
          onOpenChange={(open) => {
            if (!open) publish(said.filter((other) => other.id !== message.id));
          }}
          className="flex w-full animate-rise items-start gap-2.5 rounded-lg border border-line bg-raised p-3 shadow-high"
        >
          {message.kind === "failed" ? (
            <CircleAlert size={18} className="mt-px shrink-0 text-bad" />
          ) : (
            <CircleCheck size={18} className="mt-px shrink-0 text-good" />
          )}
          <div className="min-w-0 flex-1">
            <Toast.Title className="font-medium">{message.title}</Toast.Title>
            {message.detail ? (
              <Toast.Description className="mt-0.5 text-sm wrap-break-word text-muted">{message.detail}</Toast.Description>
            ) : null}
            {message.action ? (
              <Toast.Action asChild altText={message.action.label}>
                <Button size="sm" className="mt-2" onClick={message.action.run}>
                  {message.action.label}
                </Button>
              </Toast.Action>
            ) : null}
          </div>
          <Toast.Close asChild>
            <IconButton size="sm" label={t("close")} icon={<X size={14} />} />
          </Toast.Close>
        </Toast.Root>
      ))}
      <Toast.Viewport className="fixed right-0 bottom-0 z-50 flex w-96 max-w-full flex-col gap-2 p-4 outline-none" />
    </Toast.Provider>
  );
}
