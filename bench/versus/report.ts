/** What was measured, as Markdown: a row for each figure, a column for each contender. */
import type { Experiment, Figure } from "./experiment.ts";
import type { Outcome, Results } from "./results.ts";
import { describeTaking, describeVersions, type Taking } from "./taking.ts";

/** Writes all that was measured, in the order of the experiments and contenders. */
export function writeReport(
  { outcomes, neighbours }: Results,
  experiments: readonly Experiment[],
  contenders: readonly string[],
): string {
  const head = [
    "Measured by `npm run versus`, one after the other on the same machine. When, of which versions and by which command is said below.",
    "",
    `| | ${contenders.join(" | ")} |`,
    `| --- |${contenders.map(() => " ---: |").join("")}`,
  ];
  const of = (key: string) => outcomes.filter((outcome) => outcome.key === key);
  const measured = experiments.filter(({ key }) => of(key).length > 0);
  const rows = measured.flatMap(({ key, title }) => {
    const figuresOf = (contender: string) =>
      of(key).find((outcome) => outcome.contender === contender)?.figures ?? [];
    const names = [
      ...new Set(contenders.flatMap((contender) => figuresOf(contender).map(({ name }) => name))),
    ];
    return [
      `| **${key}. ${title}** |${contenders.map(() => " |").join("")}`,
      ...names.map(
        (name) =>
          `| ${name} | ${contenders
            .map((contender) => formatFigure(figuresOf(contender).find((figure) => figure.name === name)))
            .join(" | ")} |`,
      ),
    ];
  });
  const methods = measured.map(({ key, method }) => `- **${key}.** ${method}`);
  const others = neighbours.map((figure) => {
    const taking = [describeTaking(figure), ...describeCommand(figure)].filter((part) => part !== "");
    return `- ${figure.name}: ${formatFigure(figure)}${taking.length === 0 ? "" : ` (${taking.join(", ")})`}`;
  });
  const scale =
    others.length === 0
      ? []
      : [
          "",
          "For scale, with a Redis that syncs every write (`appendfsync always`) and clients without HTTP:",
          "",
          ...others,
        ];
  const takings = tabulateTakings(outcomes, measured, contenders);
  return `${[...head, ...rows, "", ...methods, ...scale, "", ...takings].join("\n")}\n`;
}

/** Which experiments were made when and of what; what was not noted then is left empty. */
function tabulateTakings(
  outcomes: readonly Outcome[],
  experiments: readonly Experiment[],
  contenders: readonly string[],
): string[] {
  const keysByTaking = new Map<string, string[]>();
  for (const contender of contenders)
    for (const { key } of experiments) {
      const outcome = outcomes.find((one) => one.key === key && one.contender === contender);
      if (outcome === undefined) continue;
      const { measured_on = "", cores = "", versions } = outcome;
      const cells = [measured_on, cores, describeVersions(versions).join(", "), ...describeCommand(outcome)];
      const taking = `| ${contender} | ${cells.join(" | ")} |`;
      keysByTaking.set(taking, [...(keysByTaking.get(taking) ?? []), key]);
    }
  return [
    "| experiments | of | measured on | cores | versions | by |",
    "| --- | --- | --- | ---: | --- | --- |",
    ...[...keysByTaking].map(([taking, keys]) => `| ${keys.join(", ")} ${taking}`),
  ];
}

function describeCommand({ command }: Partial<Taking>): string[] {
  return command === undefined ? [] : [`\`${command}\``];
}

/** A figure with its unit, and what is said of it. */
export function formatFigure(figure: Figure | undefined): string {
  if (figure === undefined) return "–";
  const { value, unit, said } = figure;
  if (value === null) return said ?? "–";
  const digits = Number.isInteger(value) || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const text = `${value.toFixed(digits)}${unit === "" ? "" : unit === "x" ? " ×" : ` ${unit}`}`;
  return said === undefined ? text : `${text} (${said})`;
}
