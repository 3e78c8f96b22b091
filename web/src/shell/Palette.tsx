import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Boxes, ChartColumn, Keyboard, Languages, ListTodo, Moon, Plus, Settings, Sun } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

import { useTaskSearch } from "@/api/tasks";
import { LANGUAGES, type Language, setLanguage } from "@/i18n";
import { Dialog } from "@/ui/Dialog";

import { setTheme } from "./theme";

const ROW = "flex items-center gap-2.5 rounded-md px-2.5 py-2 data-[selected=true]:bg-sunken";

function Row({ icon, value, onSelect, children }: { icon: ReactNode; value: string; onSelect: () => void; children: ReactNode }) {
  return (
    <Command.Item value={value} onSelect={onSelect} className={ROW}>
      <span className="text-muted">{icon}</span>
      <span className="min-w-0 flex-1 truncate">{children}</span>
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

function Inside({ close, onShortcuts }: { close: () => void; onShortcuts: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const tasks = useTaskSearch(typed);
  const then = (act: () => unknown) => () => {
    close();
    act();
  };
  const heading = "[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-faint";
  return (
    <Command label={t("palette.title")} loop>
      <Command.Input
        value={typed}
        onValueChange={setTyped}
        placeholder={t("palette.placeholder")}
        className="w-full border-b border-line bg-transparent px-4 py-3.5 text-lg outline-none"
      />
      <Command.List className="max-h-[60vh] overflow-y-auto scroll-thin p-1.5">
        <Command.Empty className="px-3 py-6 text-center text-muted">{t("palette.empty")}</Command.Empty>
        {tasks.length > 0 ? (
          <Command.Group heading={t("palette.tasks")} className={heading}>
            {tasks.map((task) => (
              <Row
                key={task.id}
                icon={<ListTodo size={16} />}
                value={`${task.title} ${task.id}`}
                onSelect={then(() => navigate({ to: "/tasks/$task", params: { task: task.id } }))}
              >
                {task.title}
              </Row>
            ))}
          </Command.Group>
        ) : null}
        <Command.Group heading={t("palette.go")} className={heading}>
          <Row icon={<Plus size={16} />} value={t("nav.new")} onSelect={then(() => navigate({ to: "/", hash: "new" }))}>
            {t("nav.new")}
          </Row>
          <Row icon={<ListTodo size={16} />} value={t("nav.tasks")} onSelect={then(() => navigate({ to: "/" }))}>
            {t("nav.tasks")}
          </Row>
          <Row icon={<Boxes size={16} />} value={t("nav.environments")} onSelect={then(() => navigate({ to: "/environments" }))}>
            {t("nav.environments")}
          </Row>
          <Row icon={<ChartColumn size={16} />} value={t("nav.usage")} onSelect={then(() => navigate({ to: "/settings/$section", params: { section: "usage" } }))}>
            {t("nav.usage")}
          </Row>
          <Row icon={<Settings size={16} />} value={t("nav.settings")} onSelect={then(() => navigate({ to: "/settings" }))}>
            {t("nav.settings")}
          </Row>
        </Command.Group>
        <Command.Group heading={t("palette.act")} className={heading}>
          <Row icon={<Sun size={16} />} value={t("theme.light")} onSelect={then(() => setTheme("light"))}>
            {t("theme.label")}: {t("theme.light")}
          </Row>
          <Row icon={<Moon size={16} />} value={t("theme.dark")} onSelect={then(() => setTheme("dark"))}>
            {t("theme.label")}: {t("theme.dark")}
          </Row>
          {(Object.keys(LANGUAGES) as Language[]).map((code) => (
            <Row key={code} icon={<Languages size={16} />} value={`language ${LANGUAGES[code]}`} onSelect={then(() => void setLanguage(code))}>
              {t("language.label")}: {LANGUAGES[code]}
            </Row>
          ))}
          <Row icon={<Keyboard size={16} />} value={t("shortcuts.title")} onSelect={then(onShortcuts)}>
            {t("shortcuts.title")}
          </Row>
        </Command.Group>
      </Command.List>
    </Command>
  );
}
