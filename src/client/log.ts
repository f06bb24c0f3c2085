/** Lines of a run's log. The agent ships what a process prints, and reads the level off the beginning of a line. */

function print(prefix: string): (message: string) => void {
  return (message) => {
    process.stdout.write(`${prefix}${message}\n`);
  };
}

/** Writes lines to stdout, from where they become the run's log. */
export const log = {
  debug: print("DEBUG "),
  info: print(""),
  warn: print("WARNING "),
  error: print("ERROR "),
} as const;
