import { common } from "./common";
import { home } from "./home";
import { task } from "./task";

export const en = { common, home, task } as const;
