/** Reads prefect.yaml: what is deployed, checked as a whole, each fault with its line. */
import { LineCounter, parseDocument, type Document } from "yaml";
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";
import { CommandError } from "../framework/errors.ts";
import { CheckedYaml, type Path } from "./checked-yaml.ts";
import { readSchedules, type ScheduleEntry } from "./schedule-entries.ts";

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
  /** Names of the steps whose results its texts may ask for. */
  step_ids: string[];
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
/** The one step that Sluice's worker does itself; the others are done by Prefect's engine. */
const WORKING_DIRECTORY_STEP = "set_working_directory";
const POOL_KEYS = ["name", "work_queue_name", "job_variables"];

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
  const file = new CheckedYaml(document, lines, fileName);
  const project = new Reader(document, file).readProject();
  if (file.faults.length > 0)
    throw new CommandError(file.faults.toSorted((a, b) => lineOf(a) - lineOf(b)).join("\n"));
  return project;
}

/** Line of a fault that begins with `FILE:LINE:`. */
function lineOf(fault: string): number {
  return Number(/:(\d+):/.exec(fault)?.[1] ?? 0);
}

class Reader {
  readonly #document: Document;
  readonly #file: CheckedYaml;
  readonly #warnings: string[] = [];

  constructor(document: Document, file: CheckedYaml) {
    this.#document = document;
    this.#file = file;
  }

  readProject(): ProjectFile {
    let root: unknown;
    try {
      root = this.#document.toJS({ maxAliasCount: 1000 });
    } catch (error) {
      throw new CommandError(
        `${this.#file.fileName}:1: ${error instanceof Error ? error.message : String(error)}.`,
      );
    }
    const file = this.#file.object(root ?? {}, [], "the file");
    if (file === undefined) return { deployments: [], warnings: [] };
    const entries = file["deployments"];
    if (entries === undefined || entries === null || (Array.isArray(entries) && entries.length === 0)) {
      this.#file.fault([], "the file has no deployments; list them under `deployments:`");
      return { deployments: [], warnings: [] };
    }
    if (!Array.isArray(entries)) {
      this.#file.fault(["deployments"], "deployments must be a list");
      return { deployments: [], warnings: [] };
    }
    this.#warnSteps(file, []);
    const pull = this.#steps(file["pull"], ["pull"]);
    const stepIds = listStepIds(file);
    const deployments = entries.map((value, index) => {
      const entry = this.#deployment(value, ["deployments", index], pull);
      return { ...entry, step_ids: [...stepIds, ...listStepIds(value)] };
    });
    const seen = new Map<string, number>();
    for (const { name, flow_name, entrypoint, line } of deployments) {
      const key = JSON.stringify([flow_name ?? entrypoint, name]);
      const earlier = seen.get(key);
      if (earlier !== undefined && name !== "")
        this.#file.faults.push(
          `${this.#file.fileName}:${line}: another deployment of the same flow is named ${name} too (line ${earlier}).`,
        );
      seen.set(key, line);
    }
    return { deployments, warnings: this.#warnings };
  }

  #deployment(value: unknown, path: Path, pull: JsonObject[] | undefined): Omit<DeploymentEntry, "step_ids"> {
    const entry = this.#file.object(value, path, "a deployment") ?? {};
    this.#file.checkKeys(entry, path, DEPLOYMENT_KEYS);
    const name = this.#file.name(entry["name"], [...path, "name"], "name");
    if (entry["name"] === undefined || entry["name"] === null)
      this.#file.fault(path, "this deployment has no name; write `name: …`");
    const pool = this.#file.object(entry["work_pool"] ?? {}, [...path, "work_pool"], "work_pool") ?? {};
    this.#file.checkKeys(pool, [...path, "work_pool"], POOL_KEYS);
    this.#warnSteps(entry, path);
    const jobVariables =
      this.#file.object(
        pool["job_variables"] ?? {},
        [...path, "work_pool", "job_variables"],
        "job_variables",
      ) ?? {};
    const entrypoint = this.#file.text(entry["entrypoint"], [...path, "entrypoint"], "entrypoint");
    const flowName = this.#file.name(entry["flow_name"], [...path, "flow_name"], "flow_name");
    const ownPull = this.#steps(entry["pull"], [...path, "pull"]) ?? pull;
    const unrun = ownPull
      ?.flatMap((step) => Object.keys(step))
      .find((key) => !key.endsWith(WORKING_DIRECTORY_STEP));
    if (entrypoint === undefined && flowName !== undefined && unrun !== undefined)
      this.#file.fault(
        path,
        `the pull step ${unrun} needs Python, and ${name ?? "this deployment"} runs a command; give it a \`pull\` of its own with prefect.deployments.steps.${WORKING_DIRECTORY_STEP} alone`,
      );
    const limit = this.#concurrency(entry["concurrency_limit"], [...path, "concurrency_limit"]);
    return {
      name: name ?? "",
      line: this.#file.line(path),
      flow_name: flowName,
      entrypoint,
      version: this.#file.text(entry["version"], [...path, "version"], "version"),
      description: this.#file.text(entry["description"], [...path, "description"], "description"),
      tags: this.#file.tags(entry["tags"], [...path, "tags"]),
      parameters: this.#file.object(entry["parameters"] ?? {}, [...path, "parameters"], "parameters") ?? {},
      parameter_openapi_schema:
        entry["parameter_openapi_schema"] === undefined
          ? undefined
          : this.#file.object(
              entry["parameter_openapi_schema"],
              [...path, "parameter_openapi_schema"],
              "parameter_openapi_schema",
            ),
      enforce_parameter_schema: this.#file.flag(
        entry["enforce_parameter_schema"],
        [...path, "enforce_parameter_schema"],
        "enforce_parameter_schema",
      ),
      paused: this.#file.flag(entry["paused"], [...path, "paused"], "paused"),
      schedules: readSchedules(this.#file, entry, path),
      ...limit,
      work_pool_name: this.#file.name(pool["name"], [...path, "work_pool", "name"], "work_pool.name"),
      work_queue_name: this.#file.name(
        pool["work_queue_name"],
        [...path, "work_pool", "work_queue_name"],
        "work_pool.work_queue_name",
      ),
      job_variables: jobVariables,
      pull: ownPull,
    };
  }

  #concurrency(
    value: JsonValue | undefined,
    path: Path,
  ): Pick<DeploymentEntry, "concurrency_limit" | "concurrency_options"> {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return {
        concurrency_limit: value === null ? null : this.#file.count(value, path, "concurrency_limit"),
        concurrency_options: undefined,
      };
    this.#file.checkKeys(value, path, ["limit", "collision_strategy", "grace_period_seconds"]);
    const limit = this.#file.count(value["limit"], [...path, "limit"], "concurrency_limit.limit");
    if (value["limit"] === undefined) this.#file.fault(path, "concurrency_limit wants a limit");
    const strategy = value["collision_strategy"] ?? "ENQUEUE";
    const grace = this.#file.count(
      value["grace_period_seconds"],
      [...path, "grace_period_seconds"],
      "concurrency_limit.grace_period_seconds",
    );
    if (strategy !== "ENQUEUE" && strategy !== "CANCEL_NEW") {
      this.#file.fault([...path, "collision_strategy"], "collision_strategy must be ENQUEUE or CANCEL_NEW");
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
    this.#file.fault(path, "pull must be a list of steps");
    return undefined;
  }

  #warnSteps(entry: JsonObject, path: Path): void {
    for (const key of ["build", "push", "triggers", "sla"]) {
      const value = entry[key];
      if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) continue;
      this.#warnings.push(
        `${this.#file.fileName}:${this.#file.line([...path, key])}: \`${key}\` is left out: sluice deploy runs no steps and makes no automations.`,
      );
    }
  }
}

/** Ids of the build, push and pull steps of the file or of one deployment. */
function listStepIds(owner: JsonValue | undefined): string[] {
  if (typeof owner !== "object" || owner === null || Array.isArray(owner)) return [];
  return ["build", "push", "pull"].flatMap((key) => {
    const steps = owner[key];
    if (!Array.isArray(steps)) return [];
    return steps
      .flatMap((step) => Object.values(step ?? {}))
      .flatMap((inputs) => {
        const id = typeof inputs === "object" && inputs !== null && "id" in inputs ? inputs["id"] : undefined;
        return typeof id === "string" ? [id] : [];
      });
  });
}
