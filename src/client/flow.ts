/** `flow()` and `task()`: plain functions whose run reports how it goes. */
import type { JsonObject } from "../contract/wire/common.ts";
import { pause } from "./backoff.ts";
import { log } from "./log.ts";
import { openRun } from "./run-reporter.ts";

export interface FlowOptions {
  /** The flow's name at the server. */
  name: string;
}

export interface TaskOptions {
  /** What the log calls it. */
  name: string;
  /** How many times a failure is tried again (default 0). */
  retries?: number | undefined;
  /** Wait before each retry (default 0). */
  retryDelaySeconds?: number | undefined;
}

let hasRun = false;

/**
 * Makes a function a flow. Calling it executes a run:
 *
 * - under an agent, the run that the agent started this process for, with that run's parameters (those given in the
 *   call win);
 * - else, where `SLUICE_API_URL` or `PREFECT_API_URL` is set, a new run that the server records;
 * - else the plain function.
 *
 * The run becomes Running, then Completed with its result, or Failed with the error's stack; the error is thrown on, so
 * that a process that does not catch it exits with 1. Only the first flow that a process calls is a run: flows called
 * by it are plain functions, parts of that run.
 */
export function flow<Parameters extends object, Value>(
  body: (parameters: Parameters) => Value | Promise<Value>,
  { name }: FlowOptions,
): (parameters?: Partial<Parameters>) => Promise<Value> {
  return async (given = {}) => {
    // What the caller leaves out comes from the run; whether all is there is for the deployment's schema to check.
    if (hasRun) return await body(given as Parameters);
    hasRun = true;
    const run = await openRun(name, given as JsonObject);
    await run.start();
    for (;;) {
      try {
        const value = await body(run.parameters as Parameters);
        await run.complete(value);
        return value;
      } catch (error) {
        if (!(await run.fail(error))) throw error;
      }
    }
  };
}

/** Makes a function a step of a flow: the log shows its failures, and it is tried again as often as `retries` says. */
export function task<Arguments extends unknown[], Value>(
  body: (...parameters: Arguments) => Value | Promise<Value>,
  { name, retries = 0, retryDelaySeconds = 0 }: TaskOptions,
): (...parameters: Arguments) => Promise<Value> {
  return async (...parameters) => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await body(...parameters);
      } catch (error) {
        if (attempt >= retries) throw error;
        log.warn(
          `Task ${name} failed (${String(error)}); try ${attempt + 2} of ${retries + 1} in ${retryDelaySeconds} s.`,
        );
        await pause(retryDelaySeconds * 1000);
      }
    }
  };
}
