/** What was measured, kept as JSON beside the report, so that one experiment can be measured again and the rest stays. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Figure } from "./experiment.ts";

/** One experiment on one contender. */
export interface Outcome {
  /** The experiment's letter. */
  key: string;
  contender: string;
  figures: Figure[];
  /** The day, as YYYY-MM-DD. */
  measured_on: string;
  /** What was typed. */
  command: string;
}

export interface Results {
  outcomes: Outcome[];
  /** Figures of others, for scale. */
  neighbours: Figure[];
}

/** Empty where there is no such file. */
export function readResults(file: string): Results {
  return existsSync(file)
    ? (JSON.parse(readFileSync(file, "utf8")) as Results)
    : { outcomes: [], neighbours: [] };
}

export function writeResults(file: string, results: Results): void {
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
}

/** What was measured anew takes the place of what was known of the same experiment and contender. */
export function mergeResults(known: Results, fresh: Results): Results {
  const isFresh = ({ key, contender }: Outcome) =>
    fresh.outcomes.some((outcome) => outcome.key === key && outcome.contender === contender);
  return {
    outcomes: [...known.outcomes.filter((outcome) => !isFresh(outcome)), ...fresh.outcomes],
    neighbours: fresh.neighbours.length > 0 ? fresh.neighbours : known.neighbours,
  };
}
