import type { said as en } from "../../en/said";
import { service } from "./service";
import { told } from "./told";
import { work } from "./work";

/** Each of the service's own sentences by its name. */
export type Sentences = Record<keyof typeof en, string>;

/** The service's own sentences; `{=…}` is filled in with one of them. */
export const said: Sentences = { ...service, ...work, ...told };
