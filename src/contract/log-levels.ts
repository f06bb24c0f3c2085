/** Levels of log lines by the names that they have in Python's `logging`. */
const LEVELS = [
  [50, "CRITICAL"],
  [40, "ERROR"],
  [30, "WARNING"],
  [20, "INFO"],
  [0, "DEBUG"],
] as const;
export type LevelName = (typeof LEVELS)[number][1];

/** As wide as the longest name. */
export const LEVEL_WIDTH = 8;

/** The highest level that is not above it. */
export function nameLevel(level: number): LevelName {
  return LEVELS.find(([least]) => level >= least)?.[1] ?? "DEBUG";
}
