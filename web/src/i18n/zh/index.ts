import { common } from "./common";
import { home } from "./home";
import { task } from "./task";

export const zh = { common, home, task };
