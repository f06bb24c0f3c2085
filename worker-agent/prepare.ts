/** From a claim to a job: reads what the job needs, and tries again as long as the claim stands. */
import type { ClaimedRun } from "../src/contract/wire/agents.ts";
import { backoffMs, pause } from "../src/client/backoff.ts";
import { isStatus, SluiceApiError } from "../src/client/errors.ts";
import { hostMs } from "./clock.ts";
import { JobError, prepareJob, type Job } from "./job.ts";
import { describeError, type Log } from "./log.ts";
import type { Settings } from "./options.ts";
import type { PoolFacts } from "./pool-facts.ts";

/** What preparing uses of the agent. */
export interface PrepareTools {
  log: Log;
  settings: Settings;
  facts: PoolFacts;
  workerId: () => string | undefined;
}

export interface PrepareInput {
  claim: ClaimedRun;
  /** Folder of the run's files. */
  folder: string;
  /** When the claim lapses, by {@link hostMs}. */
  startBy: number;
  /** The run is not wanted any more. */
  stopping: AbortSignal;
}

/**
 * Prepares the job; undefined when the server was away until the claim lapsed, which is no fault of the run. Throws
 * {@link JobError} when it cannot be done, or the run is stopped.
 */
export async function prepareRun(tools: PrepareTools, input: PrepareInput): Promise<Job | undefined> {
  const { facts, settings, log, workerId } = tools;
  const { claim, folder, startBy, stopping } = input;
  const { deployment_id } = claim.flow_run;
  for (let failures = 1; ; failures += 1) {
    try {
      const [base_job_template, deployment] = await Promise.all([
        facts.readTemplate(),
        deployment_id === null ? undefined : facts.readDeployment(deployment_id),
      ]);
      return await prepareJob({
        claim,
        deployment,
        base_job_template,
        worker_id: workerId(),
        folder,
        settings,
        lookups: facts,
      });
    } catch (error) {
      if (error instanceof JobError) throw error;
      if (isStatus(error, 404))
        throw new JobError(
          "The run's deployment or work pool does not exist any more; deploy it again, or cancel the run",
        );
      const delayMs = backoffMs(failures, { maxMs: 5000 });
      const isLapsing = hostMs() + delayMs >= startBy;
      if (isLapsing && error instanceof SluiceApiError && !error.isFinal) return undefined;
      if (isLapsing || stopping.aborted)
        throw new JobError(`The run could not be prepared: ${describeError(error)}`);
      log.writeOnce(`prepare ${claim.attempt_id}`, "WARNING", `A run waits: ${describeError(error)}`);
      await pause(delayMs, stopping);
    }
  }
}
