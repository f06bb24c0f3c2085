/** What was measured, as Markdown: a row for each figure, a column for each contender. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { NEWEST } from "../../test/prefect/versions.ts";
import type { Experiment, Figure } from "./experiment.ts";
import type { Results } from "./results.ts";

/** Writes all that was measured, in the order of the experiments and contenders. */
export function writeReport(
  { outcomes, neighbours }: Results,
  experiments: readonly Experiment[],
  contenders: readonly string[],
): string {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  const head = [
    `Measured by \`npm run versus\` on ${availableParallelism()} cores: Sluice ${version} and Prefect ${NEWEST}, one after the other on the same machine. When and by which command is said below, experiment by experiment.`,
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
  const methods = measured.map(({ key, method }) => {
    const takings = [...new Set(of(key).map(({ measured_on, command }) => `${measured_on}, \`${command}\``))];
    return `- **${key}.** ${method} (${takings.join("; ")})`;
  });
  const others = neighbours.map((figure) => `- ${figure.name}: ${formatFigure(figure)}`);
  const scale =
    others.length === 0
      ? []
      : [
          "",
          "For scale, with a Redis that syncs every write (`appendfsync always`) and clients without HTTP:",
          "",
          ...others,
        ];
  return `${[...head, ...rows, "", ...methods, ...scale].join("\n")}\n`;
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
