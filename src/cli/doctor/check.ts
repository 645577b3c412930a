/** The form of a check of `orchestrator doctor`. */

export interface Answer {
  /** `limited`: it works, with less than there could be. */
  readonly verdict: "good" | "limited" | "bad";
  readonly found: string;
  /** What to do for more. */
  readonly advice?: string;
}

export interface Finding extends Answer {
  readonly name: string;
}

export interface Check {
  /** Two or three words. */
  readonly name: string;
  readonly run: () => Answer | Promise<Answer>;
}
