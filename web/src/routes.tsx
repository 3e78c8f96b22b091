import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";

import { parseHomeSearch } from "./pages/home/search";
import { parseAttemptsSearch, parseTaskSearch } from "./pages/task/search";
import { Broken, NotFound } from "./shell/Broken";
import { Shell } from "./shell/Shell";

const root = createRootRoute();

const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell });

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  validateSearch: parseHomeSearch,
  component: lazyRouteComponent(() => import("./pages/home/Home"), "Home"),
});

const task = createRoute({
  getParentRoute: () => shell,
  path: "/tasks/$task",
  validateSearch: parseTaskSearch,
  component: lazyRouteComponent(() => import("./pages/task/Task"), "Task"),
});

const attempts = createRoute({
  getParentRoute: () => shell,
  path: "/tasks/$task/attempts",
  validateSearch: parseAttemptsSearch,
  component: lazyRouteComponent(() => import("./pages/task/attempts/Attempts"), "Attempts"),
});

const environments = createRoute({
  getParentRoute: () => shell,
  path: "/environments",
  component: lazyRouteComponent(() => import("./pages/environments/Environments"), "Environments"),
});

const settings = createRoute({
  getParentRoute: () => shell,
  path: "/settings",
  component: lazyRouteComponent(() => import("./pages/settings/Settings"), "Settings"),
});

const section = createRoute({
  getParentRoute: () => shell,
  path: "/settings/$section",
  component: lazyRouteComponent(() => import("./pages/settings/Settings"), "Settings"),
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  component: lazyRouteComponent(() => import("./pages/signin/SignIn"), "SignIn"),
});

export const router = createRouter({
  routeTree: root.addChildren([shell.addChildren([home, task, attempts, environments, settings, section]), signIn]),
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
