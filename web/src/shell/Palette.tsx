import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Box, Boxes, Keyboard, Languages, ListTodo, Monitor, Moon, Plus, Rocket, Settings, Sun } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

import { useEnvironments } from "@/api/environments";
import { useMay, useSession } from "@/api/session";
import { useTaskSearch } from "@/api/tasks";
import type { TaskLine } from "@/api/types";
import { LANGUAGES, type Language, setLanguage, words } from "@/i18n";
import { sectionsOf } from "@/parts/sections";
import { StatusIcon } from "@/parts/Status";
import { Dialog } from "@/ui/Dialog";
import { Keys } from "@/ui/Keys";

import { setTheme } from "./theme";

const ROW = "flex items-center gap-2.5 rounded-md px-2.5 py-2 data-[selected=true]:bg-sunken";

function Row({ icon, value, keys, onSelect, children }: { icon: ReactNode; value: string; keys?: string | undefined; onSelect: () => void; children: ReactNode }) {
  return (
    <Command.Item value={value} onSelect={onSelect} className={ROW}>
      <span className="flex size-4.5 shrink-0 items-center justify-center text-muted">{icon}</span>
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {keys ? <Keys keys={keys} /> : null}
    </Command.Item>
  );
}

export function Palette({ open, onOpenChange, onShortcuts }: { open: boolean; onOpenChange: (open: boolean) => void; onShortcuts: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog bare open={open} onOpenChange={onOpenChange} title={t("palette.title")}>
      {open ? <Inside close={() => onOpenChange(false)} onShortcuts={onShortcuts} /> : null}
    </Dialog>
  );
}

/** cmdk compares values in lower case and without space at their ends. */
const valueOf = (task: TaskLine): string => `${task.title} ${task.id}`.trim().toLowerCase();

function Inside({ close, onShortcuts }: { close: () => void; onShortcuts: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const tasks = useTaskSearch(typed);
  // What was found comes first, also where it comes after the words of the commands were matched.
  const first = tasks[0] ? valueOf(tasks[0]) : "";
  const [selected, setSelected] = useState(first);
  const [found, setFound] = useState(first);
  if (found !== first) {
    setFound(first);
    setSelected(first);
  }
  const then = (act: () => unknown) => () => {
    close();
    act();
  };
  const { t: named } = useTranslation("settings");
  const namesKnown = useQuery({ queryKey: ["words", "settings"], queryFn: () => words("settings").then(() => true) }).data === true;
  const { administer } = useMay();
  const person = useSession().data?.person ?? null;
  const environments = useEnvironments().data ?? [];
  const matches = ({ words }: Act): boolean => words.toLowerCase().includes(typed.trim().toLowerCase());
  const places: Act[] = [
    { icon: <Plus size={16} />, words: t("nav.new"), keys: "c", run: () => navigate({ to: "/", hash: "new" }) },
    { icon: <ListTodo size={16} />, words: t("nav.tasks"), keys: "g t", run: () => navigate({ to: "/" }) },
    { icon: <Boxes size={16} />, words: t("nav.environments"), keys: "g e", run: () => navigate({ to: "/environments" }) },
    { icon: <Settings size={16} />, words: t("nav.settings"), keys: "g s", run: () => navigate({ to: "/settings" }) },
  ];
  // These are many: they are there for who types a part of their names.
  const further: Act[] = [
    ...environments.map(({ name }) => ({
      icon: <Box size={16} />,
      words: `${t("palette.environment")}: ${name}`,
      run: () => navigate({ to: "/environments/$name", params: { name } }),
    })),
    ...(namesKnown ? sectionsOf(administer, person !== null) : []).map((section) => ({
      icon: <Settings size={16} />,
      words: `${t("nav.settings")}: ${named(`section.${section}`)}`,
      run: () => navigate({ to: "/settings/$section", params: { section } }),
    })),
    { icon: <Rocket size={16} />, words: t("palette.welcome"), run: () => navigate({ to: "/welcome" }) },
  ];
  const acts: Act[] = [
    { icon: <Sun size={16} />, words: `${t("theme.label")}: ${t("theme.light")}`, run: () => setTheme("light") },
    { icon: <Moon size={16} />, words: `${t("theme.label")}: ${t("theme.dark")}`, run: () => setTheme("dark") },
    { icon: <Monitor size={16} />, words: `${t("theme.label")}: ${t("theme.system")}`, run: () => setTheme("system") },
    ...(Object.keys(LANGUAGES) as Language[]).map((code) => ({
      icon: <Languages size={16} />,
      words: `${t("language.label")}: ${LANGUAGES[code]}`,
      run: () => setLanguage(code),
    })),
    { icon: <Keyboard size={16} />, words: t("shortcuts.title"), keys: "?", run: onShortcuts },
  ];
  const group = (heading: string, rows: Act[]): ReactNode =>
    rows.length > 0 ? (
      <Command.Group heading={heading} className={HEADING}>
        {rows.map((row) => (
          <Row key={row.words} icon={row.icon} value={row.words} keys={row.keys} onSelect={then(row.run)}>
            {row.words}
          </Row>
        ))}
      </Command.Group>
    ) : null;
  return (
    // What fits is decided here: the tasks are found by the service, and stand first.
    <Command label={t("palette.title")} loop shouldFilter={false} value={selected} onValueChange={setSelected}>
      <Command.Input
        value={typed}
        onValueChange={setTyped}
        placeholder={t("palette.placeholder")}
        className="w-full border-b border-line bg-transparent px-4 py-3.5 text-lg outline-none"
      />
      <Command.List className="max-h-[60vh] overflow-y-auto scroll-thin p-1.5">
        <Command.Empty className="px-3 py-6 text-center text-muted">{t("palette.empty")}</Command.Empty>
        {tasks.length > 0 ? (
          <Command.Group heading={t("palette.tasks")} className={HEADING}>
            {(typed.trim() ? tasks : tasks.slice(0, 5)).map((task) => (
              <Row
                key={task.id}
                icon={<StatusIcon status={task.status} verdict={task.verdict} />}
                value={valueOf(task)}
                onSelect={then(() => navigate({ to: "/tasks/$task", params: { task: task.id } }))}
              >
                {task.title}
              </Row>
            ))}
          </Command.Group>
        ) : null}
        {group(t("palette.go"), [...places, ...(typed.trim() ? further : [])].filter(matches))}
        {group(t("palette.act"), acts.filter(matches))}
      </Command.List>
    </Command>
  );
}

interface Act {
  icon: ReactNode;
  words: string;
  keys?: string;
  run: () => unknown;
}

const HEADING =
  "[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-faint";
