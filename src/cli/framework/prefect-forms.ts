/** What hands that know Prefect's command line type, put into the words of ours. */
import type { Option } from "commander";

/** Flags of Prefect's commands that are written differently here; two-letter ones are unknown to commander. */
const OTHER_FORMS = new Map([
  ["-jv", "--job-variable"],
  ["-cl", "--concurrency-limit"],
  ["--accept-yes", "--yes"],
  ["--no-active", "--inactive"],
  ["--no-day_or", "--day-and"],
]);
/** Flags that say what is so anyway. */
const DEFAULT_FORMS: readonly (readonly [word: string, option: string])[] = [
  ["--active", "--inactive"],
  ["--day_or", "--day-and"],
  ["--prompt", "--no-prompt"],
  ["--enforce-parameter-schema", "--no-enforce-parameter-schema"],
  ["--create-pool-if-not-found", "--no-create-pool-if-not-found"],
];

/** Puts the words of Prefect's commands into ours: its other forms, and `--no-x` beside a flag `--x`. */
export function spellOut(words: readonly string[], options: readonly Option[]): string[] {
  const has = (long: string | undefined): boolean => options.some((option) => option.long === long);
  const isIdle = (word: string): boolean =>
    !has(word) &&
    (DEFAULT_FORMS.some(([form, option]) => form === word && has(option)) ||
      options.some(
        ({ long, required, optional }) => word === `--no-${long?.slice(2) ?? ""}` && !required && !optional,
      ));
  const end = words.indexOf("--");
  const [own, rest] = end === -1 ? [words, []] : [words.slice(0, end), words.slice(end)];
  const known = own.flatMap((word) => {
    const form = OTHER_FORMS.get(word);
    if (form !== undefined && has(form)) return [form];
    return isIdle(word) ? [] : [word];
  });
  return [...known, ...rest];
}
