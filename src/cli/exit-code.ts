/** Exit codes of every command. */
export const exitCode = { succeeded: 0, failed: 1, badInput: 2, interrupted: 130 } as const;
export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** Bad input to a command: its message is shown to the user as it is, and the exit code is 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}
