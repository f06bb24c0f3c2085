/** Tells the server how the run goes that this process executes. */
import { readFile } from "node:fs/promises";
import { runningStateOf } from "../contract/attempts.ts";
import type { JsonObject, JsonValue } from "../contract/wire/common.ts";
import { createClient, type Client } from "./client.ts";
import { SluiceApiError } from "./errors.ts";
import { pause } from "./backoff.ts";
import { PATIENT_RETRIES } from "./http.ts";
import { namesServer, read, type Environment } from "./settings.ts";

/** The run was cancelled, or ended by somebody else, before or while this process worked on it. */
export class RunEndedError extends Error {
  constructor(state: string, reason: string | null) {
    super(`The run is not to go on: it is ${state}${reason === null ? "" : ` (${reason})`}.`);
    this.name = "RunEndedError";
  }
}

export interface RunReporter {
  /** The run's parameters. */
  readonly parameters: JsonObject;
  /** Says that the work begins. Throws {@link RunEndedError} when it must not. */
  start(): Promise<void>;
  complete(result: unknown): Promise<void>;
  /** Says that the work failed. True: the run has a retry left, its time has come, and the work begins again. */
  fail(error: unknown): Promise<boolean>;
}

const RESULT_BYTES_MAX = 64 * 1024;
const MESSAGE_CHARACTERS_MAX = 16 * 1024;

/**
 * Finds the run that this process executes: the one that the agent names in `SLUICE_FLOW_RUN_ID`; else, where the
 * environment names a server, a new one. Without either, or when the server does not answer, nothing is reported.
 */
export async function openRun(
  flowName: string,
  given: JsonObject,
  env: Environment = process.env,
): Promise<RunReporter> {
  const runId = read(env, "SLUICE_FLOW_RUN_ID");
  if (runId !== undefined)
    return new ApiReporter(
      createClient(),
      runId,
      { ...(await readParameters(env)), ...given },
      read(env, "SLUICE_RUN")?.split("/")[1],
    );
  if (!namesServer(env)) return new SilentReporter(given);
  const client = createClient();
  try {
    const flow = await client.flows.put({ name: flowName });
    const run = await client.flowRuns.create({
      flow_id: flow.id,
      parameters: given,
      state: { type: "PENDING", name: "Pending" },
      idempotency_key: crypto.randomUUID(),
    });
    return new ApiReporter(client, run.id, given);
  } catch (error) {
    if (!(error instanceof SluiceApiError) || error.status !== 0) throw error;
    process.emitWarning(`${error.message} The flow runs without being recorded.`, { type: "SluiceWarning" });
    return new SilentReporter(given);
  }
}

/** The agent hands over small parameters in the environment and all of them in a file. */
async function readParameters(env: Environment): Promise<JsonObject> {
  const inline = read(env, "SLUICE_PARAMETERS");
  const file = read(env, "SLUICE_PARAMETERS_FILE");
  const text = inline ?? (file === undefined ? "{}" : await readFile(file, "utf8"));
  return JSON.parse(text) as JsonObject;
}

class SilentReporter implements RunReporter {
  readonly parameters: JsonObject;
  constructor(parameters: JsonObject) {
    this.parameters = parameters;
  }
  async start(): Promise<void> {}
  async complete(): Promise<void> {}
  async fail(): Promise<boolean> {
    return false;
  }
}

class ApiReporter implements RunReporter {
  readonly parameters: JsonObject;
  readonly #client: Client;
  readonly #runId: string;

  /** The attempt that this process is, until it has said that it runs. */
  #attemptId: string | undefined;

  constructor(client: Client, runId: string, parameters: JsonObject, attemptId?: string) {
    this.#client = client;
    this.#runId = runId;
    this.parameters = parameters;
    this.#attemptId = attemptId;
  }

  async start(): Promise<void> {
    // The agent says the same of the process that it started: with the attempt's id it is one transition.
    const first =
      this.#attemptId === undefined
        ? { type: "RUNNING" as const, name: "Running" }
        : runningStateOf(this.#attemptId);
    this.#attemptId = undefined;
    for (;;) {
      const answer = await this.#report(first);
      if (answer === undefined || answer.status === "ACCEPT") return;
      if (answer.details.type === "wait_details") {
        await pause(answer.details.delay_seconds * 1000);
        continue;
      }
      const state = answer.state;
      // An agent that says "running" first is no reason to stop; anything else is somebody's decision.
      if (state === null || state.type === "RUNNING") return;
      throw new RunEndedError(state.name, "reason" in answer.details ? answer.details.reason : null);
    }
  }

  async complete(result: unknown): Promise<void> {
    const kept = keepResult(result);
    await this.#report({ type: "COMPLETED", name: "Completed", ...kept });
  }

  async fail(error: unknown): Promise<boolean> {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const answer = await this.#report({
      type: "FAILED",
      name: "Failed",
      message: text.slice(0, MESSAGE_CHARACTERS_MAX),
    });
    if (answer?.status !== "REJECT" || answer.state?.type !== "SCHEDULED") return false;
    const dueAt = Date.parse(answer.state.state_details.scheduled_time ?? answer.state.timestamp);
    await pause(Math.max(0, dueAt - Date.now()));
    await this.start();
    return true;
  }

  /** Work is not stopped because its news do not get through: the exit code tells the agent what became of it. */
  async #report(state: Parameters<Client["flowRuns"]["setState"]>[1]) {
    try {
      return await this.#client.flowRuns.setState(this.#runId, state, { retries: PATIENT_RETRIES });
    } catch (error) {
      if (!(error instanceof SluiceApiError)) throw error;
      process.emitWarning(`The run's state ${state.type} could not be reported: ${error.message}`, {
        type: "SluiceWarning",
      });
      return undefined;
    }
  }
}

/** A small JSON result is kept in the state; of any other the state says why it is not. */
function keepResult(result: unknown): { data: JsonValue; message?: string } {
  if (result === undefined) return { data: null };
  const text = JSON.stringify(result) as string | undefined;
  if (text === undefined) return { data: null, message: "The result is no JSON value, so it is not kept." };
  if (Buffer.byteLength(text) > RESULT_BYTES_MAX)
    return {
      data: null,
      message: `The result has ${Buffer.byteLength(text)} bytes as JSON; up to ${RESULT_BYTES_MAX} are kept.`,
    };
  return { data: { type: "inline", value: JSON.parse(text) as JsonValue } };
}
