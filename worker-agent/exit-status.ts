/** How a process ended, in the terms of the contract and in words. */
import { constants } from "node:os";

export interface ExitStatus {
  exit_code: number | null;
  signal: string | null;
}

const SIGNAL_NAMES = new Map<number, string>(
  Object.entries(constants.signals).map(([name, number]) => [number, name]),
);

/** Reads the shim's number: a shell writes `128 + n` for a command that signal n ended. */
export function readShimStatus(code: number): ExitStatus {
  const signal = code > 128 ? SIGNAL_NAMES.get(code - 128) : undefined;
  return signal === undefined ? { exit_code: code, signal: null } : { exit_code: null, signal };
}

/** Explains an end that was no success; undefined for a plain one. */
export function explainStatus({ exit_code, signal }: ExitStatus): string | undefined {
  if (exit_code === 0) return undefined;
  if (signal === "SIGKILL")
    return "Process was killed by SIGKILL. If nobody did that, the host ran out of memory: give the run more, or lower the worker's --limit.";
  if (signal !== null) return `Process was ended by ${signal}.`;
  if (exit_code === null) return "Process ended and nobody saw how.";
  if (exit_code === 126 || exit_code === 127)
    return `Process exited with status code ${exit_code}: the command could not be executed; see the last lines of the logs.`;
  return `Process exited with status code ${exit_code}.`;
}
