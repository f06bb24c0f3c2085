/** How a command ends badly: one plain sentence on stderr and an exit code. */

/** 0 done, 1 the request failed, 2 wrong usage. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** The request cannot be done; the message is a whole sentence that says what to do next. */
export class CommandError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The command was typed wrongly. */
export class UsageError extends CommandError {
  constructor(message: string) {
    super(message, EXIT.usage);
  }
}
