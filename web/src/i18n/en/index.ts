import { acts } from "./acts";
import { common } from "./common";
import { environments } from "./environments";
import { home } from "./home";
import { settings } from "./settings";
import { signin } from "./signin";
import { task } from "./task";
import { welcome } from "./welcome";

export const en = { acts, common, environments, home, settings, signin, task, welcome } as const;
