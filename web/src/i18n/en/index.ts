import { common } from "./common";
import { home } from "./home";
import { signin } from "./signin";
import { task } from "./task";
import { welcome } from "./welcome";

export const en = { common, home, signin, task, welcome } as const;
