import { common } from "./common";
import { home } from "./home";
import { signin } from "./signin";
import { task } from "./task";
import { welcome } from "./welcome";

export const zh = { common, home, signin, task, welcome };
