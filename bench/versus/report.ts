/** What was measured, as Markdown: a row for each figure, a column for each contender. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { NEWEST } from "../../test/prefect/versions.ts";
import type { Experiment, Figure } from "./experiment.ts";

export interface Outcome {
  experiment: Experiment;
  contender: string;
  figures: Figure[];
}

/** Writes all that was measured; `neighbours` are the figures of others, for scale. */
export function writeReport(
  outcomes: readonly Outcome[],
  contenders: readonly string[],
  neighbours: readonly Figure[],
): string {
  const experiments = [...new Set(outcomes.map(({ experiment }) => experiment))];
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  const head = [
    `Measured on ${new Date().toISOString().slice(0, 10)} by \`npm run versus\` on ${availableParallelism()} cores: Sluice ${version} and Prefect ${NEWEST}, one after the other on the same machine.`,
    "",
    `| | ${contenders.join(" | ")} |`,
    `| --- |${contenders.map(() => " ---: |").join("")}`,
  ];
  const rows = experiments.flatMap((experiment) => {
    const of = (contender: string) =>
      outcomes.find((outcome) => outcome.experiment === experiment && outcome.contender === contender)
        ?.figures ?? [];
    const names = [...new Set(contenders.flatMap((contender) => of(contender).map(({ name }) => name)))];
    return [
      `| **${experiment.key}. ${experiment.title}** |${contenders.map(() => " |").join("")}`,
      ...names.map(
        (name) =>
          `| ${name} | ${contenders
            .map((contender) => formatFigure(of(contender).find((figure) => figure.name === name)))
            .join(" | ")} |`,
      ),
    ];
  });
  const methods = experiments.map(({ key, method }) => `- **${key}.** ${method}`);
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
