/** What was measured, kept as JSON beside the report, so that one experiment can be measured again and the rest stays. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Figure } from "./experiment.ts";
import type { Taking } from "./taking.ts";

/** One experiment on one contender. Of older ones only a part of the taking was noted. */
export interface Outcome extends Partial<Taking> {
  /** The experiment's letter. */
  key: string;
  contender: string;
  figures: Figure[];
}

/** A figure of others, for scale. */
export interface Neighbour extends Figure, Partial<Taking> {}

export interface Results {
  outcomes: Outcome[];
  neighbours: Neighbour[];
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
