import type { AttemptLine, PublishedBranch, PullRequestView } from "@/api/types";

/** An address that a browser opens as a page, or null: what a forge says of itself may be anything. */
export function pageAddress(url: string): string | null {
  try {
    return ["http:", "https:"].includes(new URL(url).protocol) ? url : null;
  } catch {
    return null;
  }
}

/** "#12" on GitHub, "!12" on GitLab. */
export function numberOf(pull: Pick<PullRequestView, "kind" | "number">): string {
  return `${pull.kind === "gitlab" ? "!" : "#"}${pull.number}`;
}

/** The one that was told of last: of two answers about the same pull request, or of an old one and the one after it. */
export function newest(one: PullRequestView | null | undefined, other: PullRequestView | null | undefined): PullRequestView | null {
  if (!one || !other) return one ?? other ?? null;
  return other.at > one.at ? other : one;
}

/** Whether more can be added to it. */
export function isLive(pull: Pick<PullRequestView, "state">): boolean {
  return pull.state === "open" || pull.state === "draft";
}

/**
 * The attempt whose result a pull request has, by its name: that of the last push to its branch. Null where none is
 * known.
 */
export function heldBy(pull: Pick<PullRequestView, "branch">, published: readonly PublishedBranch[]): string | null {
  return published.findLast((one) => one.branch === pull.branch)?.attempt ?? null;
}

/**
 * What is next to do with the result of an attempt: to open a pull request with it, to bring the one that is open up to
 * date, or nothing.
 */
export function nextAct(pull: PullRequestView | null, published: readonly PublishedBranch[], attempt: Pick<AttemptLine, "name">): "open" | "update" | null {
  if (pull === null) return "open";
  if (heldBy(pull, published) === attempt.name) return null;
  return isLive(pull) ? "update" : "open";
}
