/** Inputs of runs: sent while a run is under way, read by its process; they go where the run goes. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { JsonObject } from "../../contract/wire/common.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { RunInput, RunInputCreate } from "../../contract/wire/run-inputs.ts";
import { findParameterFault } from "../../domain/pool/schemas.ts";
import { mintId, type PoolContext } from "./context.ts";
import type { PoolOperations } from "./operations.ts";

/** Inputs that one run keeps. */
const INPUTS_MAX = 1000;
export const INPUT_NOT_FOUND = "Flow run input not found";

export type InputFilter = PoolOperations["filter_run_inputs"]["command"];

/** A key has one value, which is never changed (source: wire §3.12). */
export class RunInputs {
  readonly #context: PoolContext;

  constructor(context: PoolContext) {
    this.#context = context;
  }

  create(flow_run_id: string, { key, value, sender }: RunInputCreate): Result<null> {
    const context = this.#context;
    const { store, host } = context;
    if (!store.runs.hasRun(flow_run_id)) return refuse("not_found", "Flow run not found");
    if (store.inputs.countInputs(flow_run_id) >= INPUTS_MAX)
      return refuse("conflict", `A flow run keeps at most ${INPUTS_MAX} inputs; delete some.`);
    const now = host.now();
    const wasFree = store.inputs.writeInput({
      id: mintId(context, "artifact", now),
      created: formatInstant(now),
      flow_run_id,
      key,
      value,
      sender: sender ?? null,
    });
    return wasFree ? accept(null) : refuse("conflict", "A flow run input with this key already exists.");
  }

  filter(of: InputFilter): RunInput[] {
    return this.#context.store.inputs.listInputs(of.id, of.prefix, of.exclude_keys, of.limit);
  }

  read(flow_run_id: string, key: string): Result<string> {
    const value = this.#context.store.inputs.readInput(flow_run_id, key);
    return value === undefined ? refuse("not_found", INPUT_NOT_FOUND) : accept(value);
  }

  delete(flow_run_id: string, key: string): Result<null> {
    const wasThere = this.#context.store.inputs.deleteInput(flow_run_id, key);
    return wasThere ? accept(null) : refuse("not_found", INPUT_NOT_FOUND);
  }

  /** Says why a paused run that waits for an input cannot go on with this one; undefined when it can. */
  findFault(run: FlowRun, run_input: JsonObject): string | undefined {
    const key = run.state?.state_details.run_input_keyset?.["schema"];
    if (key === undefined) return undefined;
    const text = this.#context.store.inputs.readInput(run.id, key);
    if (text === undefined) return "Run input schema not found.";
    let schema: JsonObject;
    try {
      schema = JSON.parse(text) as JsonObject;
    } catch {
      return "Run input schema is not valid JSON.";
    }
    const fault = findParameterFault(schema, run_input);
    return fault === undefined ? undefined : `Run input validation failed: ${fault}`;
  }

  /** Keeps the answer that a paused run has waited for; one that is sent twice is kept once. */
  answer(run: FlowRun, run_input: JsonObject): void {
    const key = run.state?.state_details.run_input_keyset?.["response"];
    if (key !== undefined) this.create(run.id, { key, value: JSON.stringify(run_input) });
  }
}

/** The inputs that a filter means, of those that a run has: in their order, as the store lists them. */
export function pickInputs(
  inputs: readonly RunInput[],
  { prefix, exclude_keys, limit }: InputFilter,
): RunInput[] {
  return inputs.filter(({ key }) => key.startsWith(prefix) && !exclude_keys.includes(key)).slice(0, limit);
}
