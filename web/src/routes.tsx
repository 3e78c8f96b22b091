import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";

import { ApiError } from "./api/client";
import { queries } from "./api/query";
import { sessionQuery } from "./api/session";

import { type Part, words } from "./i18n";
import { parseEnvironmentSearch } from "./pages/environments/search";
import { parseHomeSearch } from "./pages/home/search";
import { parseAttemptsSearch, parseTaskSearch } from "./pages/task/search";
import { Broken, NotFound, Opening } from "./shell/Broken";
import { Shell } from "./shell/Shell";

const root = createRootRoute();

/** A page that comes when it is gone to, with its words. */
function page<T extends Record<string, unknown>, N extends keyof T>(part: Part, load: () => Promise<T>, name: N) {
  return lazyRouteComponent(async () => {
    const [module] = await Promise.all([load(), words(part)]);
    return module;
  }, name);
}

/** Nobody sees a page of the service's before it is known who they are; where they wanted to go is kept. */
async function signedIn({ location }: { location: { href: string } }): Promise<void> {
  try {
    await queries.query({ ...sessionQuery(), staleTime: "static" });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- the router's own way of going elsewhere
    throw redirect({ to: "/sign-in", search: { next: location.href } });
  }
}

/** What a page takes of an address, and nothing else: the router keeps what a page does not speak of as it is. */
function only<T extends object>(parse: (raw: Record<string, unknown>) => T) {
  return (raw: Record<string, unknown>): T => ({ ...Object.fromEntries(Object.keys(raw).map((key) => [key, undefined])), ...parse(raw) });
}

const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  component: Shell,
  beforeLoad: signedIn,
  pendingComponent: Opening,
  pendingMs: 400,
});

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  validateSearch: only(parseHomeSearch),
  component: page("home", () => import("./pages/home/Home"), "Home"),
});

const task = createRoute({
  getParentRoute: () => shell,
  path: "/tasks/$task",
  validateSearch: only(parseTaskSearch),
  component: page("task", () => import("./pages/task/Task"), "Task"),
});

const attempts = createRoute({
  getParentRoute: () => shell,
  path: "/tasks/$task/attempts",
  validateSearch: only(parseAttemptsSearch),
  component: page("task", () => import("./pages/task/attempts/Attempts"), "Attempts"),
});

const welcome = createRoute({
  getParentRoute: () => shell,
  path: "/welcome",
  component: page("welcome", () => import("./pages/welcome/Welcome"), "Welcome"),
});

const environments = createRoute({
  getParentRoute: () => shell,
  path: "/environments",
  component: page("environments", () => import("./pages/environments/Environments"), "Environments"),
});

const environment = createRoute({
  getParentRoute: () => shell,
  path: "/environments/$name",
  validateSearch: only(parseEnvironmentSearch),
  component: page("environments", () => import("./pages/environments/EnvironmentPage"), "EnvironmentPage"),
});

const settings = createRoute({
  getParentRoute: () => shell,
  path: "/settings",
  component: page("settings", () => import("./pages/settings/Settings"), "Settings"),
});

const section = createRoute({
  getParentRoute: () => shell,
  path: "/settings/$section",
  component: page("settings", () => import("./pages/settings/Settings"), "Settings"),
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: only(({ next, refused }): { next?: string; refused?: string } => ({
    // Within the service only: an address that leads elsewhere is not followed.
    ...(typeof next === "string" && /^\/(?![/\\])/.test(next) ? { next } : {}),
    ...(typeof refused === "string" ? { refused } : {}),
  })),
  component: page("signin", () => import("./pages/signin/SignIn"), "SignIn"),
});

const join = createRoute({
  getParentRoute: () => root,
  path: "/join",
  component: page("signin", () => import("./pages/signin/Join"), "Join"),
});

export const router = createRouter({
  routeTree: root.addChildren([shell.addChildren([home, task, attempts, welcome, environments, environment, settings, section]), signIn, join]),
  defaultPreload: "intent",
  defaultErrorComponent: Broken,
  defaultNotFoundComponent: NotFound,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
