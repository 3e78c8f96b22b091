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

/** Whether a pull request that is open lacks the result of an attempt. */
export function isBehind(pull: PullRequestView, published: readonly PublishedBranch[], attempt: Pick<AttemptLine, "name">): boolean {
  return isLive(pull) && heldBy(pull, published) !== attempt.name;
}
