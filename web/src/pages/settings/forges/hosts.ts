import type { ForgeView } from "@/api/types";

type Kind = ForgeView["kind"];

/** Where a forge is: one of the two that everybody knows, or a host of one's own. */
export type Place = "github" | "gitlab" | "own";

export const KNOWN: Record<Exclude<Place, "own">, { kind: Kind; address: string; name: string }> = {
  github: { kind: "github", address: "https://github.com", name: "GitHub" },
  gitlab: { kind: "gitlab", address: "https://gitlab.com", name: "GitLab" },
};

/** The origin and path of a web address without its trailing slashes, or null where it is none. */
function bare(address: string): string | null {
  try {
    const { protocol, host, pathname } = new URL(address.trim());
    return protocol === "https:" || protocol === "http:" ? `${protocol}//${host}${pathname.replace(/\/+$/, "")}` : null;
  } catch {
    return null;
  }
}

/** The usual address of a host's API, or null while the address is none. */
export function usualApi(kind: Kind, address: string): string | null {
  const host = bare(address);
  if (host === null) return null;
  if (kind === "gitlab") return `${host}/api/v4`;
  const { hostname } = new URL(host);
  return hostname === "github.com" || hostname.endsWith(".ghe.com") ? `https://api.${hostname}` : `${host}/api/v3`;
}

/** The page of a host where somebody makes a token, with what it needs filled in where the host lets that be. */
export function tokenPage(kind: Kind, address: string): string | null {
  const host = bare(address);
  if (host === null) return null;
  if (kind === "gitlab") return `${host}/-/user_settings/personal_access_tokens?name=Journeyman&scopes=api,write_repository`;
  return host === KNOWN.github.address ? `${host}/settings/personal-access-tokens/new` : `${host}/settings/tokens`;
}
