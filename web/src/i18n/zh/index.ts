import { common } from "./common";
import { home } from "./home";

export const zh = { common, home };
