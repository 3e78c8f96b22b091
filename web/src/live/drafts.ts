/** What an attempt's model has written further of its reply: `DraftPiece` of the service. */
export interface DraftPiece {
  attempt: string;
  /** The number of the attempt's last event before the reply. */
  since: number;
  /** Characters of the whole reply by now, with the calls that are not shown. */
  written: number;
  /** Stands in the place of what came before, in place of going behind it. */
  fresh: boolean;
  reasoning: string;
  text: string;
}

/** A reply as far as it is written. */
export interface Draft {
  since: number;
  written: number;
  reasoning: string;
  text: string;
}

/** Replies that are being written, by attempt. Nothing is built on them: the event of a reply stands in their place. */
export class Drafts {
  private drafts = new Map<string, Draft>();
  private replied = new Map<string, number>();

  get = (attempt: string): Draft | null => this.drafts.get(attempt) ?? null;

  take(piece: DraftPiece): void {
    const { attempt, since, written, fresh, reasoning, text } = piece;
    if (since < (this.replied.get(attempt) ?? 0)) return;
    if (written === 0) {
      this.drafts.delete(attempt);
      return;
    }
    const before = fresh ? null : this.get(attempt);
    this.drafts.set(attempt, { since, written, reasoning: (before?.reasoning ?? "") + reasoning, text: (before?.text ?? "") + text });
  }

  /** The reply is an event now, or another process goes on with the attempt. */
  over(attempt: string, seq: number): void {
    this.replied.set(attempt, seq);
    this.drafts.delete(attempt);
  }

  /** Forgets all: the service tells them anew from here on. */
  forget(): void {
    this.drafts.clear();
  }
}

/** Whether there is something to read in it. */
export const legible = (draft: Draft | null): boolean => draft !== null && (draft.text.trim() !== "" || draft.reasoning.trim() !== "");
