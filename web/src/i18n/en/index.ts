import { common } from "./common";
import { environments } from "./environments";
import { home } from "./home";
import { signin } from "./signin";
import { task } from "./task";
import { welcome } from "./welcome";

export const en = { common, environments, home, signin, task, welcome } as const;
