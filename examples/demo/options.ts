/** What the demo is asked to do. */
import { parseArgs } from "node:util";

export interface DemoOptions {
  runs: number;
  workers: readonly string[];
  slots: number;
  /** Runs that one agent may have at a time. */
  agentLimit: number;
  downloadSeconds: number;
  inferSeconds: number;
  saveSeconds: number;
  /** Print the outcome as JSON on stdout, and what happens on stderr. */
  isJson: boolean;
}

const AGENT_LIMIT_MAX = 10;

export const USAGE = `npm run demo -- [--runs 20] [--slots 2] [--download 1] [--infer 3] [--save 0.5] [--json]
Durations are seconds. Two workers share the runs; each has --slots GPUs.
`;

/** Reads the command line. Throws a TypeError with a sentence when it does not understand it. */
export function readOptions(args: string[]): DemoOptions {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: "string", default: "20" },
      slots: { type: "string", default: "2" },
      download: { type: "string", default: "1" },
      infer: { type: "string", default: "3" },
      save: { type: "string", default: "0.5" },
      json: { type: "boolean", default: false },
    },
  });
  const workers = ["gpu-1", "gpu-2"];
  const runs = readNumber("--runs", values.runs, { isWhole: true, min: 1, max: 500 });
  return {
    runs,
    workers,
    slots: readNumber("--slots", values.slots, { isWhole: true, min: 1, max: 8 }),
    // An agent takes what it has room for: with room for all, one of two agents may get all of few runs.
    agentLimit: Math.min(AGENT_LIMIT_MAX, Math.ceil(runs / workers.length)),
    downloadSeconds: readNumber("--download", values.download, { min: 0, max: 600 }),
    inferSeconds: readNumber("--infer", values.infer, { min: 0.05, max: 600 }),
    saveSeconds: readNumber("--save", values.save, { min: 0, max: 600 }),
    isJson: values.json,
  };
}

function readNumber(
  flag: string,
  text: string,
  { isWhole = false, min, max }: { isWhole?: boolean; min: number; max: number },
): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= min && value <= max) || (isWhole && !Number.isInteger(value)))
    throw new TypeError(
      `${flag} wants a ${isWhole ? "whole " : ""}number from ${min} to ${max}, not "${text}".`,
    );
  return value;
}
