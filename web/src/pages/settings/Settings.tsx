import { Link, useParams } from "@tanstack/react-router";
import {
  Calculator,
  CalendarClock,
  ChartColumn,
  Cpu,
  GitPullRequest,
  HardDrive,
  KeySquare,
  ScrollText,
  Server,
  UserRound,
  UsersRound,
} from "lucide-react";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { useMay, useSession } from "@/api/session";
import { words } from "@/i18n";
import { type Section, sectionOf, sectionsOf } from "@/parts/sections";
import { Note, Working } from "@/ui/States";

import { HeaderSlot } from "./HeaderAction";

const ICONS = {
  account: UserRound,
  tokens: KeySquare,
  models: Cpu,
  forges: GitPullRequest,
  schedules: CalendarClock,
  usage: ChartColumn,
  people: UsersRound,
  quotas: Calculator,
  workers: Server,
  audit: ScrollText,
  retention: HardDrive,
} as const;

const PAGES = {
  account: lazy(async () => ({ default: (await import("./Account")).Account })),
  tokens: lazy(async () => ({ default: (await import("./Tokens")).Tokens })),
  models: lazy(async () => ({ default: (await import("./Models")).Models })),
  forges: lazy(async () => ({ default: (await import("./forges/Forges")).Forges })),
  schedules: lazy(async () => ({ default: (await import("./Schedules")).Schedules })),
  usage: lazy(async () => ({ default: (await import("./usage/Usage")).Usage })),
  people: lazy(async () => ({ default: (await import("./People")).People })),
  quotas: lazy(async () => ({ default: (await import("./Quotas")).Quotas })),
  workers: lazy(async () => ({ default: (await import("./Workers")).Workers })),
  audit: lazy(async () => {
    const [module] = await Promise.all([import("./Audit"), words("acts")]);
    return { default: module.Audit };
  }),
  retention: lazy(async () => ({ default: (await import("./Retention")).Retention })),
} as const;

export function Settings() {
  const { t } = useTranslation("settings");
  const { section: named } = useParams({ strict: false });
  const { administer } = useMay();
  const person = useSession().data?.person ?? null;
  const shown = sectionsOf(administer, person !== null);
  const section: Section = sectionOf(named) ?? shown[0] ?? "models";
  const Page = PAGES[section];
  const [slot, setSlot] = useState<HTMLElement | null>(null);
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the sections stand side by side, and the one that is open may be beyond the edge.
    const link = nav.current?.querySelector<HTMLElement>("[aria-current=page]");
    if (link && nav.current) nav.current.scrollLeft = link.offsetLeft - nav.current.clientWidth / 3;
  }, [section]);
  return (
    <div className="mx-auto flex w-full max-w-6xl flex-1 flex-col px-3 pb-16 sm:px-6 md:flex-row md:gap-8">
      <nav ref={nav} aria-label={t("title")} className="relative shrink-0 pt-4 max-md:-mx-3 max-md:overflow-x-auto max-md:border-b max-md:border-line max-md:px-3 max-md:pb-2 md:w-52 md:pt-8">
        <ul className="flex gap-1 md:sticky md:top-20 md:flex-col">
          {shown.map((each) => {
            const Icon = ICONS[each];
            return (
              <li key={each}>
                <Link
                  to="/settings/$section"
                  params={{ section: each }}
                  aria-current={each === section ? "page" : undefined}
                  className="flex items-center gap-2.5 rounded-md px-2.5 py-1.5 whitespace-nowrap text-muted transition-colors hover:bg-sunken hover:text-ink aria-[current=page]:bg-sunken aria-[current=page]:font-medium aria-[current=page]:text-ink"
                >
                  <Icon size={16} aria-hidden />
                  {t(`section.${each}`)}
                </Link>
              </li>
            );
          })}
        </ul>
      </nav>
      <div className="flex min-w-0 flex-1 flex-col gap-4 pt-5 md:pt-8">
        <header className="flex flex-wrap items-center gap-x-4 gap-y-3">
          <div className="min-w-0 flex-1 basis-64">
            <h1 className="text-2xl font-semibold tracking-tight">{t(`section.${section}`)}</h1>
            <p className="mt-1 text-muted">{t(`about.${section}`)}</p>
          </div>
          <div ref={setSlot} className="flex gap-2 empty:hidden" />
        </header>
        {shown.includes(section) ? (
          <HeaderSlot value={slot}>
            <Suspense fallback={<Working>{t("opening")}</Working>}>
              <Page />
            </Suspense>
          </HeaderSlot>
        ) : (
          <Note kind="warn" title={t("notYours")}>
            {t("notYours.about")}
          </Note>
        )}
      </div>
    </div>
  );
}
