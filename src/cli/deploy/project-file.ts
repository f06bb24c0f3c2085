/** Reads prefect.yaml: what is deployed, checked as a whole, each fault with its line. */
import { isMap, LineCounter, parseDocument, type Document } from "yaml";
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";
import { CommandError } from "../framework/errors.ts";
import { ValueFault } from "../framework/parameters.ts";
import { findNearest } from "../framework/suggest.ts";
import { parseName, parseSeconds } from "../framework/values.ts";
import { checkTimezone } from "../records/deployments.ts";

/** One deployment as the file says it. */
export interface DeploymentEntry {
  name: string;
  /** Line of the file, for faults that show later. */
  line: number;
  flow_name: string | undefined;
  entrypoint: string | undefined;
  version: string | undefined;
  description: string | undefined;
  tags: string[];
  parameters: JsonObject;
  parameter_openapi_schema: JsonObject | undefined;
  enforce_parameter_schema: boolean | undefined;
  paused: boolean | undefined;
  schedules: ScheduleEntry[] | undefined;
  concurrency_limit: number | null | undefined;
  concurrency_options:
    | { collision_strategy: "ENQUEUE" | "CANCEL_NEW"; grace_period_seconds?: number }
    | undefined;
  work_pool_name: string | undefined;
  work_queue_name: string | undefined;
  job_variables: JsonObject;
  pull: JsonObject[] | undefined;
}

/** A schedule with its own settings. */
export interface ScheduleEntry {
  schedule:
    | { cron: string; timezone?: string; day_or?: boolean }
    | { interval: number; anchor_date?: string; timezone?: string }
    | { rrule: string; timezone?: string };
  active?: boolean;
  slug?: string;
  parameters?: JsonObject;
  max_scheduled_runs?: number;
}

export interface ProjectFile {
  deployments: DeploymentEntry[];
  /** Things that the file asks for and that are not done, each a sentence. */
  warnings: string[];
}

const DEPLOYMENT_KEYS = [
  "name",
  "version",
  "tags",
  "description",
  "schedule",
  "schedules",
  "flow_name",
  "entrypoint",
  "parameters",
  "parameter_openapi_schema",
  "enforce_parameter_schema",
  "work_pool",
  "concurrency_limit",
  "paused",
  "build",
  "push",
  "pull",
  "triggers",
  "sla",
  "infra_overrides",
];
const POOL_KEYS = ["name", "work_queue_name", "job_variables"];
const SCHEDULE_KEYS = [
  "cron",
  "interval",
  "rrule",
  "anchor_date",
  "timezone",
  "day_or",
  "active",
  "slug",
  "parameters",
  "max_scheduled_runs",
  "replaces",
];

/** Reads the text of a file. Throws one {@link CommandError} that names all faults, a line each. */
export function readProjectFile(text: string, fileName: string): ProjectFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const [broken] = document.errors;
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw new CommandError(
      `${fileName}:${line}:${col}: ${broken.message.replace(/\s+/g, " ").replace(/\.?$/, ".")}`,
    );
  }
  const reader = new Reader(document, lines, fileName);
  const project = reader.readProject();
  if (reader.faults.length > 0) throw new CommandError(reader.faults.join("\n"));
  return project;
}

type Path = readonly (string | number)[];

class Reader {
  readonly faults: string[] = [];
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #fileName: string;
  readonly #warnings: string[] = [];

  constructor(document: Document, lines: LineCounter, fileName: string) {
    this.#document = document;
    this.#lines = lines;
    this.#fileName = fileName;
  }

  readProject(): ProjectFile {
    let root: unknown;
    try {
      root = this.#document.toJS({ maxAliasCount: 1000 });
    } catch (error) {
      throw new CommandError(
        `${this.#fileName}:1: ${error instanceof Error ? error.message : String(error)}.`,
      );
    }
    const file = this.#object(root ?? {}, [], "the file");
    if (file === undefined) return { deployments: [], warnings: [] };
    const entries = file["deployments"];
    if (entries === undefined || entries === null || (Array.isArray(entries) && entries.length === 0)) {
      this.#fault([], "has no deployments; list them under `deployments:`");
      return { deployments: [], warnings: [] };
    }
    if (!Array.isArray(entries)) {
      this.#fault(["deployments"], "deployments must be a list");
      return { deployments: [], warnings: [] };
    }
    this.#warnSteps(file, []);
    const pull = this.#steps(file["pull"], ["pull"]);
    const deployments = entries.map((entry, index) => this.#deployment(entry, ["deployments", index], pull));
    const seen = new Map<string, number>();
    for (const { name, flow_name, entrypoint, line } of deployments) {
      const key = JSON.stringify([flow_name ?? entrypoint, name]);
      const earlier = seen.get(key);
      if (earlier !== undefined && name !== "")
        this.faults.push(
          `${this.#fileName}:${line}: another deployment of the same flow is named ${name} too (line ${earlier}).`,
        );
      seen.set(key, line);
    }
    return { deployments, warnings: this.#warnings };
  }

  #deployment(value: unknown, path: Path, pull: JsonObject[] | undefined): DeploymentEntry {
    const entry = this.#object(value, path, "a deployment") ?? {};
    this.#checkKeys(entry, path, DEPLOYMENT_KEYS);
    const name = this.#name(entry["name"], [...path, "name"], "name");
    if (entry["name"] === undefined || entry["name"] === null)
      this.#fault(path, "this deployment has no name; write `name: …`");
    const pool = this.#object(entry["work_pool"] ?? {}, [...path, "work_pool"], "work_pool") ?? {};
    this.#checkKeys(pool, [...path, "work_pool"], POOL_KEYS);
    this.#warnSteps(entry, path);
    const jobVariables =
      this.#object(pool["job_variables"] ?? {}, [...path, "work_pool", "job_variables"], "job_variables") ??
      {};
    const entrypoint = this.#text(entry["entrypoint"], [...path, "entrypoint"], "entrypoint");
    const flowName = this.#name(entry["flow_name"], [...path, "flow_name"], "flow_name");
    const limit = this.#concurrency(entry["concurrency_limit"], [...path, "concurrency_limit"]);
    return {
      name: name ?? "",
      line: this.#line(path),
      flow_name: flowName,
      entrypoint,
      version: this.#text(entry["version"], [...path, "version"], "version"),
      description: this.#text(entry["description"], [...path, "description"], "description"),
      tags: this.#tags(entry["tags"], [...path, "tags"]),
      parameters: this.#object(entry["parameters"] ?? {}, [...path, "parameters"], "parameters") ?? {},
      parameter_openapi_schema:
        entry["parameter_openapi_schema"] === undefined
          ? undefined
          : this.#object(
              entry["parameter_openapi_schema"],
              [...path, "parameter_openapi_schema"],
              "parameter_openapi_schema",
            ),
      enforce_parameter_schema: this.#flag(
        entry["enforce_parameter_schema"],
        [...path, "enforce_parameter_schema"],
        "enforce_parameter_schema",
      ),
      paused: this.#flag(entry["paused"], [...path, "paused"], "paused"),
      schedules: this.#schedules(entry, path),
      ...limit,
      work_pool_name: this.#name(pool["name"], [...path, "work_pool", "name"], "work_pool.name"),
      work_queue_name: this.#name(
        pool["work_queue_name"],
        [...path, "work_pool", "work_queue_name"],
        "work_pool.work_queue_name",
      ),
      job_variables: jobVariables,
      pull: this.#steps(entry["pull"], [...path, "pull"]) ?? pull,
    };
  }

  #schedules(entry: JsonObject, path: Path): ScheduleEntry[] | undefined {
    const { schedules } = entry;
    // `schedule: {}` is what Prefect's own templates have for none.
    const schedule = isEmptyMap(entry["schedule"]) ? undefined : entry["schedule"];
    if (schedule !== undefined && schedule !== null && schedules !== undefined && schedules !== null) {
      this.#fault([...path, "schedule"], "schedule and schedules exclude each other");
      return undefined;
    }
    if (schedule !== undefined && schedule !== null)
      return [this.#schedule(schedule, [...path, "schedule"])].filter((one) => one !== undefined);
    if (schedules === undefined || schedules === null) return undefined;
    if (!Array.isArray(schedules)) {
      this.#fault([...path, "schedules"], "schedules must be a list");
      return undefined;
    }
    return schedules
      .map((one, index) => this.#schedule(one, [...path, "schedules", index]))
      .filter((one) => one !== undefined);
  }

  #schedule(value: JsonValue, path: Path): ScheduleEntry | undefined {
    const entry = this.#object(value, path, "a schedule");
    if (entry === undefined) return undefined;
    this.#checkKeys(entry, path, SCHEDULE_KEYS);
    const kinds = ["cron", "interval", "rrule"].filter(
      (key) => entry[key] !== undefined && entry[key] !== null,
    );
    if (kinds.length !== 1) {
      this.#fault(path, "a schedule has exactly one of cron, interval and rrule");
      return undefined;
    }
    const timezone = this.#text(entry["timezone"], [...path, "timezone"], "timezone");
    if (timezone !== undefined) {
      try {
        checkTimezone(timezone);
      } catch (error) {
        this.#fault(
          [...path, "timezone"],
          error instanceof Error ? error.message.replace(/\.$/, "") : String(error),
        );
      }
    }
    const zone = timezone === undefined ? {} : { timezone };
    const active = this.#flag(entry["active"], [...path, "active"], "active");
    const slug = this.#text(entry["slug"], [...path, "slug"], "slug");
    const max = this.#count(
      entry["max_scheduled_runs"],
      [...path, "max_scheduled_runs"],
      "max_scheduled_runs",
    );
    const more = {
      ...(active !== undefined && { active }),
      ...(slug !== undefined && { slug }),
      ...(max !== undefined && { max_scheduled_runs: max }),
      ...(entry["parameters"] !== undefined && {
        parameters: this.#object(entry["parameters"], [...path, "parameters"], "parameters") ?? {},
      }),
    };
    if (kinds[0] === "interval") {
      const interval = this.#seconds(entry["interval"], [...path, "interval"]);
      const anchor = this.#text(entry["anchor_date"], [...path, "anchor_date"], "anchor_date");
      if (interval === undefined) return undefined;
      return {
        schedule: { interval, ...zone, ...(anchor !== undefined && { anchor_date: anchor }) },
        ...more,
      };
    }
    if (kinds[0] === "rrule") {
      const rrule = this.#text(entry["rrule"], [...path, "rrule"], "rrule");
      return rrule === undefined ? undefined : { schedule: { rrule, ...zone }, ...more };
    }
    const cron = this.#text(entry["cron"], [...path, "cron"], "cron");
    if (cron === undefined) return undefined;
    if (!cron.startsWith("@") && cron.trim().split(/\s+/).length !== 5)
      this.#fault([...path, "cron"], `cron wants five fields like "0 3 * * *", not "${cron}"`);
    const dayOr = this.#flag(entry["day_or"], [...path, "day_or"], "day_or");
    return { schedule: { cron, ...zone, ...(dayOr !== undefined && { day_or: dayOr }) }, ...more };
  }

  #seconds(value: JsonValue | undefined, path: Path): number | undefined {
    try {
      const seconds = typeof value === "string" ? parseSeconds(value) : Number(value);
      if (seconds > 0) return seconds;
    } catch (error) {
      if (!(error instanceof ValueFault)) throw error;
    }
    this.#fault(path, "interval must be a number of seconds above 0, or a text like 15m");
    return undefined;
  }

  #concurrency(
    value: JsonValue | undefined,
    path: Path,
  ): Pick<DeploymentEntry, "concurrency_limit" | "concurrency_options"> {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return {
        concurrency_limit: value === null ? null : this.#count(value, path, "concurrency_limit"),
        concurrency_options: undefined,
      };
    this.#checkKeys(value, path, ["limit", "collision_strategy", "grace_period_seconds"]);
    const limit = this.#count(value["limit"], [...path, "limit"], "concurrency_limit.limit");
    if (value["limit"] === undefined) this.#fault(path, "concurrency_limit wants a limit");
    const strategy = value["collision_strategy"] ?? "ENQUEUE";
    const grace = this.#count(
      value["grace_period_seconds"],
      [...path, "grace_period_seconds"],
      "concurrency_limit.grace_period_seconds",
    );
    if (strategy !== "ENQUEUE" && strategy !== "CANCEL_NEW") {
      this.#fault([...path, "collision_strategy"], "collision_strategy must be ENQUEUE or CANCEL_NEW");
      return { concurrency_limit: limit, concurrency_options: undefined };
    }
    return {
      concurrency_limit: limit,
      concurrency_options: {
        collision_strategy: strategy,
        ...(grace !== undefined && { grace_period_seconds: grace }),
      },
    };
  }

  #steps(value: unknown, path: Path): JsonObject[] | undefined {
    if (value === undefined || value === null) return undefined;
    if (Array.isArray(value) && value.every((step) => typeof step === "object" && step !== null))
      return value as JsonObject[];
    this.#fault(path, "pull must be a list of steps");
    return undefined;
  }

  #warnSteps(entry: JsonObject, path: Path): void {
    for (const key of ["build", "push", "triggers", "sla"]) {
      const value = entry[key];
      if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) continue;
      this.#warnings.push(
        `${this.#fileName}:${this.#line([...path, key])}: \`${key}\` is left out: sluice deploy runs no steps and makes no automations.`,
      );
    }
  }

  #tags(value: unknown, path: Path): string[] {
    if (value === undefined || value === null) return [];
    if (typeof value === "string") return [value];
    if (Array.isArray(value) && value.every((tag) => typeof tag === "string" || typeof tag === "number"))
      return value.map(String);
    this.#fault(path, "tags must be a list of texts");
    return [];
  }

  #object(value: unknown, path: Path, what: string): JsonObject | undefined {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
    this.#fault(path, `${what} must be a map of names and values`);
    return undefined;
  }

  #text(value: unknown, path: Path, what: string): string | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string" || typeof value === "number") return String(value);
    if (value instanceof Date) return value.toISOString();
    this.#fault(path, `${what} must be a text`);
    return undefined;
  }

  #name(value: unknown, path: Path, what: string): string | undefined {
    const text = this.#text(value, path, what);
    // What is filled in from variables is checked when it is known.
    if (text === undefined || text.includes("{{")) return text;
    try {
      return parseName(text);
    } catch (error) {
      this.#fault(path, `${what} must be ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  #flag(value: unknown, path: Path, what: string): boolean | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "boolean") return value;
    this.#fault(path, `${what} must be true or false`);
    return undefined;
  }

  #count(value: unknown, path: Path, what: string): number | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
    this.#fault(path, `${what} must be a whole number, 0 or more`);
    return undefined;
  }

  /** A name that is nearly one of the known ones is a slip; others may be for other tools. */
  #checkKeys(entry: JsonObject, path: Path, known: readonly string[]): void {
    for (const key of Object.keys(entry)) {
      if (known.includes(key)) continue;
      const nearest = findNearest(key.replaceAll("-", "_"), known);
      if (nearest !== undefined)
        this.#fault([...path, key], `there is no \`${key}\`; did you mean \`${nearest}\`?`);
    }
  }

  #fault(path: Path, message: string): void {
    this.faults.push(`${this.#fileName}:${this.#line(path)}: ${message}${/[.?]$/.test(message) ? "" : "."}`);
  }

  /** Line of a place, or of the nearest thing around it that the text itself holds (aliases and merges are elsewhere). */
  #line(path: Path): number {
    for (let length = path.length; length >= 0; length -= 1) {
      const key = path[length - 1];
      const parent = length === 0 ? undefined : this.#document.getIn(path.slice(0, length - 1), true);
      const pair = isMap(parent) ? parent.items.find((item) => String(item.key) === key) : undefined;
      const node = pair?.key ?? this.#document.getIn(path.slice(0, length), true);
      const range = (node as { range?: [number, number, number] | null } | undefined)?.range;
      if (range !== undefined && range !== null) return this.#lines.linePos(range[0]).line;
    }
    return 1;
  }
}

function isEmptyMap(value: JsonValue | undefined): boolean {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
  );
}
