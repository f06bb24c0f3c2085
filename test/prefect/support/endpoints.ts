/** The table of endpoint × client version: which calls each version made in these checks and how they were answered. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { REQUIREMENTS, type PrefectVersion } from "../versions.ts";

const FILE = fileURLToPath(new URL("../endpoints.md", import.meta.url));
const VERSIONS = Object.keys(REQUIREMENTS) as PrefectVersion[];
const INTRODUCTION = `# Endpoint × client version

Which calls each version of Prefect's clients made in these checks, and the statuses of the answers; WS is a socket's
upgrade. \`PREFECT_ENDPOINTS=write npm run test:prefect\` writes it anew; without that, a call or an answer that is not
here fails the check, and so does one that has gone. The 410 to a renewal that crosses a release is left out.
`;

/** Answers that depend on what comes first: a renewal may cross the release of its lease. */
const BY_CHANCE: ReadonlySet<string> = new Set([
  "POST /api/v2/concurrency_limits/leases/{lease_id}/renew 410",
]);

type Table = Map<string, Partial<Record<PrefectVersion, string>>>;

/** Compares what was seen (`METHOD /path STATUS`) with a version's column, or writes that column. */
export function checkEndpoints(version: PrefectVersion, seen: Iterable<string>): void {
  const column = new Map<string, string>();
  for (const call of [...seen].filter((call) => !BY_CHANCE.has(call)).toSorted()) {
    const [method = "", path = "", status = ""] = call.split(" ");
    const endpoint = `${path} ${method}`;
    column.set(endpoint, [column.get(endpoint), status].filter((part) => part !== undefined).join(", "));
  }
  const table = read();
  const recorded = [...table].flatMap(([endpoint, statuses]) =>
    statuses[version] === undefined ? [] : [[endpoint, statuses[version]] as const],
  );
  if (process.env["PREFECT_ENDPOINTS"] !== "write") {
    expect(Object.fromEntries(column)).toEqual(Object.fromEntries(recorded));
    return;
  }
  for (const statuses of table.values()) delete statuses[version];
  for (const [endpoint, statuses] of column) {
    table.set(endpoint, { ...table.get(endpoint), [version]: statuses });
  }
  write(table);
}

function read(): Table {
  const rows = readFileSync(FILE, "utf8").matchAll(
    /^\| (?<method>[A-Z]+) \| `(?<path>[^`]+)` \| (?<cells>.*) \|$/gmu,
  );
  return new Map(
    [...rows].map(({ groups: { method = "", path = "", cells = "" } = {} }) => {
      const statuses = cells.split("|").map((cell) => cell.trim());
      const named = VERSIONS.flatMap((version, index) =>
        (statuses[index] ?? "") === "" ? [] : [[version, statuses[index]] as const],
      );
      return [`${path} ${method}`, Object.fromEntries(named)];
    }),
  );
}

function write(table: Table): void {
  const rows = [...table]
    .filter(([, statuses]) => VERSIONS.some((version) => statuses[version] !== undefined))
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([endpoint, statuses]) => {
      const [path = "", method = ""] = endpoint.split(" ");
      return `| ${method} | \`${path}\` | ${VERSIONS.map((version) => statuses[version] ?? "").join(" | ")} |`;
    });
  const head = [`| | path | ${VERSIONS.join(" | ")} |`, `| --- | --- |${" --- |".repeat(VERSIONS.length)}`];
  writeFileSync(FILE, `${INTRODUCTION}\n${[...head, ...rows].join("\n")}\n`);
}
