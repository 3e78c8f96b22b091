import { getRouteApi, useLocation } from "@tanstack/react-router";
import { ListFilter as FilterIcon, Search, X } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useListStream, useTaskPages } from "@/api/tasks";
import type { ListFilter } from "@/live/list";
import { IconButton } from "@/ui/Button";
import { cx } from "@/ui/class";
import { Menu, MenuCheck, MenuChoice, MenuItem, MenuLabel, MenuLine } from "@/ui/Menu";
import { TabPanel, Tabs } from "@/ui/Tabs";

import { PromptBox } from "./PromptBox";
import { STATUSES, VERDICTS } from "./search";
import { TaskList } from "./TaskList";

const route = getRouteApi("/shell/");

/** Words are sent as a search this long (milliseconds) after the last of them was typed. */
const PAUSE = 200;

export function Home() {
  const { t } = useTranslation("home");
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const hash = useLocation({ select: (location) => location.hash });
  const field = useRef<HTMLInputElement>(null);
  useListStream();

  const filter: ListFilter = useMemo(
    () => ({
      tab: search.tab ?? "tasks",
      search: search.q ?? "",
      status: search.status ?? null,
      verdict: search.verdict ?? null,
      unread: search.unread ?? false,
      mine: search.mine ?? false,
      sort: search.sort ?? "updated",
    }),
    [search.tab, search.q, search.status, search.verdict, search.unread, search.mine, search.sort],
  );
  const set = (part: Partial<typeof search>): void => void navigate({ search: (before) => ({ ...before, ...part }), replace: true });
  const filtered = filter.status !== null || filter.verdict !== null || filter.unread || filter.mine;
  const recent = useRecentBranches(filter);

  return (
    <div className="mx-auto w-full max-w-5xl px-3 pb-16 sm:px-6">
      <h1 className="pt-8 pb-5 text-center text-2xl font-semibold tracking-tight sm:pt-12">{t("title")}</h1>
      <PromptBox
        key={JSON.stringify([search.prompt, search.environment, search.branch, search.mode])}
        link={search}
        recentBranches={recent}
        focused={hash === "new" || search.prompt !== undefined}
      />
      <div className="mt-8">
        <Tabs
          label={t("tabs.label")}
          value={filter.tab}
          onChange={(tab) => set({ tab: tab === "tasks" ? undefined : tab, status: undefined, verdict: undefined })}
          tabs={[
            { value: "tasks", label: t("tab.tasks") },
            { value: "reviews", label: t("tab.reviews") },
            { value: "archived", label: t("tab.archived") },
          ]}
          end={
            <div className="flex shrink-0 items-center gap-1 pb-1">
              <SearchField ref={field} value={filter.search} onChange={(q) => set({ q: q || undefined })} />
              <Menu
                label={t("filter.label")}
                trigger={
                  <IconButton size="sm" label={t("filter.label")} className={cx(filtered && "text-accent-text!")} icon={<FilterIcon size={15} />} />
                }
              >
                <MenuLabel>{t("filter.status")}</MenuLabel>
                <MenuChoice
                  value={filter.status ?? "any"}
                  onChange={(value) => set({ status: value === "any" ? undefined : value })}
                  options={[
                    { value: "any" as const, label: t("filter.any") },
                    ...STATUSES.map((value) => ({ value, label: t(`status.${value}`, { ns: "common" }) })),
                  ]}
                />
                <MenuLine />
                <MenuLabel>{t("filter.verdict")}</MenuLabel>
                <MenuChoice
                  value={filter.verdict ?? "any"}
                  onChange={(value) => set({ verdict: value === "any" ? undefined : value })}
                  options={[
                    { value: "any" as const, label: t("filter.any") },
                    ...VERDICTS.map((value) => ({ value, label: t(`verdict.${value}`, { ns: "common" }) })),
                  ]}
                />
                <MenuLine />
                <MenuCheck checked={filter.unread} onChange={(unread) => set({ unread: unread || undefined })}>
                  {t("filter.unread")}
                </MenuCheck>
                <MenuCheck checked={filter.mine} onChange={(mine) => set({ mine: mine || undefined })}>
                  {t("filter.mine")}
                </MenuCheck>
                <MenuLine />
                <MenuLabel>{t("sort.label")}</MenuLabel>
                <MenuChoice
                  value={filter.sort}
                  onChange={(sort) => set({ sort: sort === "updated" ? undefined : sort })}
                  options={[
                    { value: "updated", label: t("sort.updated") },
                    { value: "created", label: t("sort.created") },
                  ]}
                />
                {filtered ? (
                  <>
                    <MenuLine />
                    <MenuItem icon={<X size={15} />} onSelect={() => set({ status: undefined, verdict: undefined, unread: undefined, mine: undefined })}>
                      {t("filter.clear")}
                    </MenuItem>
                  </>
                ) : null}
              </Menu>
            </div>
          }
        >
          <TabPanel value={filter.tab} className="outline-none">
            <TaskList filter={filter} onSearch={() => field.current?.focus()} />
          </TabPanel>
        </Tabs>
      </div>
    </div>
  );
}

/** Branches that tasks of the list began from: what a person most likely means. */
function useRecentBranches(filter: ListFilter): string[] {
  const pages = useTaskPages(filter).data?.pages;
  return useMemo(() => {
    const names = pages?.flatMap((page) => page.tasks.flatMap((task) => task.ref ?? [])) ?? [];
    return [...new Set(names)].slice(0, 8);
  }, [pages]);
}

function SearchField({ value, onChange, ref }: { value: string; onChange: (value: string) => void; ref: React.Ref<HTMLInputElement> }) {
  const { t } = useTranslation("home");
  const [typed, setTyped] = useState(value);
  const latest = useRef(onChange);
  useEffect(() => {
    latest.current = onChange;
  });
  useEffect(() => {
    if (typed === value) return undefined;
    const timer = setTimeout(() => latest.current(typed), PAUSE);
    return () => clearTimeout(timer);
  }, [typed, value]);
  return (
    <label className="flex h-7 items-center gap-1.5 rounded-md px-2 text-muted transition-colors focus-within:bg-sunken hover:bg-sunken">
      <Search size={14} className="shrink-0" />
      <span className="sr-only">{t("search")}</span>
      <input
        ref={ref}
        type="search"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            setTyped("");
            event.currentTarget.blur();
          }
        }}
        placeholder={t("search.placeholder")}
        className="w-0 bg-transparent text-sm text-ink outline-none transition-[width] focus:w-32 sm:w-44 sm:focus:w-56"
      />
    </label>
  );
}
