import type { Goal, Table } from "./lib/report.js";

/** What `suite.ts` in each folder gives; `main.ts` adds the machine, the date and the time taken. */
export interface SuiteResult {
  readonly order: number;
  readonly title: string;
  readonly method: string;
  readonly goals: readonly Goal[];
  readonly tables: readonly Table[];
}

export interface SuiteOptions {
  log(line: string): void;
  /** When not empty: measure only what one of these names. */
  readonly only: readonly string[];
}

export interface SuiteModule {
  run(options: SuiteOptions): Promise<SuiteResult>;
}
