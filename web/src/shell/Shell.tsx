import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { Boxes, Keyboard, ListTodo, LogOut, Plus, Search, Settings, SlidersHorizontal, UserRound } from "lucide-react";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";

import { signOut, useSession } from "@/api/session";
import { LANGUAGES, type Language, language, setLanguage } from "@/i18n";
import { IconButton } from "@/ui/Button";
import { Keys } from "@/ui/Keys";
import { Menu, MenuChoice, MenuItem, MenuLabel, MenuLine } from "@/ui/Menu";

import { ConnectionBar, ConnectionDot } from "./Connection";
import { sayFailed } from "./errors";
import { useShortcuts } from "./keys";
import { Logo } from "./Logo";
import { setTheme, type Theme, useTheme } from "./theme";

const loadPalette = () => import("./Palette").then((module) => ({ default: module.Palette }));
const Palette = lazy(loadPalette);
const ShortcutsSheet = lazy(() => import("./Shortcuts").then((module) => ({ default: module.ShortcutsSheet })));

/** Shows what is inside from the first time on that it is open, so that nothing of it is fetched before. */
function WhenOpen({ open, children }: { open: boolean; children: ReactNode }) {
  const [ever, setEver] = useState(open);
  if (open && !ever) setEver(true);
  return ever ? <Suspense fallback={null}>{children}</Suspense> : null;
}

function NavLink({ to, icon, children }: { to: "/" | "/environments" | "/settings"; icon: ReactNode; children: ReactNode }) {
  return (
    <Link
      to={to}
      activeOptions={{ exact: to === "/", includeSearch: false }}
      className="inline-flex h-8 items-center gap-2 rounded-md px-2.5 text-muted transition-colors hover:bg-sunken hover:text-ink data-[status=active]:bg-sunken data-[status=active]:text-ink"
    >
      <span className="sm:hidden">{icon}</span>
      <span className="max-sm:sr-only">{children}</span>
    </Link>
  );
}

export function Shell() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [palette, setPalette] = useState(false);
  const [sheet, setSheet] = useState(false);
  useShortcuts({
    "mod+k": () => setPalette(true),
    "?": () => setSheet(true),
    "mod+/": () => setSheet(true),
    c: () => void navigate({ to: "/", hash: "new" }),
    "g t": () => void navigate({ to: "/" }),
    "g e": () => void navigate({ to: "/environments" }),
    "g s": () => void navigate({ to: "/settings" }),
  });
  return (
    <div className="flex min-h-dvh flex-col">
      <a href="#content" className="sr-only z-50 rounded-md bg-accent px-3 py-2 text-accent-ink focus:not-sr-only focus:fixed focus:top-2 focus:left-2">
        {t("skip")}
      </a>
      <header className="sticky top-0 z-30 border-b border-line bg-canvas/90 backdrop-blur-md">
        <div className="flex h-13 items-center gap-1 px-3 sm:px-4">
          <Link to="/" className="mr-2 flex items-center gap-2 rounded-md font-semibold" aria-label={t("product")}>
            <Logo />
            <span className="max-md:hidden">{t("product")}</span>
          </Link>
          <nav aria-label={t("nav.label")} className="flex items-center gap-0.5">
            <NavLink to="/" icon={<ListTodo size={17} />}>
              {t("nav.tasks")}
            </NavLink>
            <NavLink to="/environments" icon={<Boxes size={17} />}>
              {t("nav.environments")}
            </NavLink>
            <NavLink to="/settings" icon={<Settings size={17} />}>
              {t("nav.settings")}
            </NavLink>
          </nav>
          <div className="flex-1" />
          {/* First, so that nothing moves when it comes. */}
          <ConnectionDot />
          <button
            type="button"
            onClick={() => setPalette(true)}
            onPointerEnter={() => void loadPalette()}
            className="flex h-8 items-center gap-2 rounded-md border border-line bg-surface px-2.5 text-sm text-faint transition-colors hover:border-line-strong sm:w-56"
          >
            <Search size={14} />
            <span className="flex-1 truncate text-left max-sm:sr-only">{t("palette.open")}</span>
            <span aria-hidden className="max-sm:hidden">
              <Keys keys="mod+k" />
            </span>
          </button>
          <IconButton label={t("nav.new")} keys="c" icon={<Plus size={18} />} onClick={() => void navigate({ to: "/", hash: "new" })} />
          <Account onShortcuts={() => setSheet(true)} />
        </div>
      </header>
      <ConnectionBar />
      <main id="content" tabIndex={-1} className="flex flex-1 flex-col outline-none">
        <Outlet />
      </main>
      <WhenOpen open={palette}>
        <Palette open={palette} onOpenChange={setPalette} onShortcuts={() => setSheet(true)} />
      </WhenOpen>
      <WhenOpen open={sheet}>
        <ShortcutsSheet open={sheet} onOpenChange={setSheet} />
      </WhenOpen>
    </div>
  );
}

function Account({ onShortcuts }: { onShortcuts: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const session = useSession();
  const theme = useTheme();
  const person = session.data?.person ?? null;
  return (
    <Menu
      label={t("nav.account")}
      trigger={
        <IconButton
          label={person?.name ?? t("nav.menu")}
          icon={person ? <Initials name={person.name} /> : <SlidersHorizontal size={17} />}
        />
      }
    >
      {person ? (
        <>
          <div className="px-2 py-1.5">
            <p className="font-medium">{person.name}</p>
            <p className="text-xs text-muted">{person.email}</p>
          </div>
          <MenuLine />
        </>
      ) : null}
      <MenuLabel>{t("theme.label")}</MenuLabel>
      <MenuChoice<Theme>
        value={theme}
        onChange={setTheme}
        options={[
          { value: "system", label: t("theme.system") },
          { value: "light", label: t("theme.light") },
          { value: "dark", label: t("theme.dark") },
        ]}
      />
      <MenuLine />
      <MenuLabel>{t("language.label")}</MenuLabel>
      <MenuChoice<Language>
        value={language()}
        onChange={(next) => void setLanguage(next)}
        options={(Object.keys(LANGUAGES) as Language[]).map((value) => ({ value, label: LANGUAGES[value] }))}
      />
      <MenuLine />
      <MenuItem icon={<Keyboard size={15} />} keys="?" onSelect={onShortcuts}>
        {t("shortcuts.title")}
      </MenuItem>
      {person ? (
        <>
          <MenuItem icon={<UserRound size={15} />} onSelect={() => void navigate({ to: "/settings/$section", params: { section: "account" } })}>
            {t("nav.account")}
          </MenuItem>
          <MenuItem
            icon={<LogOut size={15} />}
            onSelect={() => {
              signOut().then(() => navigate({ to: "/sign-in" }), sayFailed);
            }}
          >
            {t("nav.signOut")}
          </MenuItem>
        </>
      ) : null}
    </Menu>
  );
}

function Initials({ name }: { name: string }) {
  const letters = name
    .split(/\s+/)
    .map((word) => word.slice(0, 1))
    .slice(0, 2)
    .join("");
  return (
    // The letters are painted, not said: the name of the button is the person's.
    <span
      aria-hidden
      data-letters={letters}
      className="flex size-6.5 items-center justify-center rounded-full bg-accent-soft text-2xs font-semibold text-accent-text uppercase before:content-[attr(data-letters)]"
    />
  );
}
