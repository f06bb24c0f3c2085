/** Work pools, their queues and their workers. */
import type { z } from "zod";
import type {
  AttemptEnd,
  AttemptStart,
  Claim,
  ClaimAnswer,
  SessionAnswer,
  SessionBeat,
} from "../../contract/wire/agents.ts";
import type { JsonObject } from "../../contract/wire/common.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type {
  ChangePreview,
  PreviewedChange,
  Worker,
  WorkPool,
  WorkPoolCreate,
  WorkPoolUpdate,
  WorkQueue,
  WorkQueueCreate,
  WorkQueueUpdate,
} from "../../contract/wire/work-pools.ts";
import { segment, type CallOptions, type Http } from "../http.ts";
import type { Filter, FilterObject, PageOptions } from "./page.ts";

/** A run as `get_scheduled_flow_runs` lists it. */
export interface ScheduledRun {
  work_pool_id: string;
  work_queue_id: string;
  flow_run: FlowRun;
}

/** `/work_pools` */
export class WorkPools {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  create(pool: WorkPoolCreate): Promise<WorkPool> {
    return this.#http.post("/work_pools/", pool);
  }

  read(name: string): Promise<WorkPool> {
    return this.#http.get(`/work_pools/${segment(name)}`);
  }

  list(filter: Filter = {}): Promise<WorkPool[]> {
    return this.#http.query("/work_pools/filter", filter);
  }

  async update(name: string, changes: WorkPoolUpdate): Promise<void> {
    await this.#http.patch(`/work_pools/${segment(name)}`, changes);
  }

  async delete(name: string): Promise<void> {
    await this.#http.delete(`/work_pools/${segment(name)}`);
  }

  /** What is scheduled, soonest first; nothing is reserved. */
  preview(
    name: string,
    filter: { work_queue_names?: string[]; scheduled_before?: string; limit?: number } = {},
  ): Promise<ScheduledRun[]> {
    return this.#http.query(`/work_pools/${segment(name)}/get_scheduled_flow_runs`, filter);
  }

  /** The runs that are due and wait, in the order in which workers are given them. */
  line(name: string, options: { work_queue_id?: string; limit?: number } = {}): Promise<FlowRun[]> {
    return this.#http.get(`/work_pools/${segment(name)}/line`, { query: options });
  }

  /** What a change of the pool, or of one of its queues, would do at once to the runs that are due; nothing is changed. */
  previewChange(name: string, change: PreviewedChange): Promise<ChangePreview> {
    return this.#http.query(`/work_pools/${segment(name)}/preview_change`, change);
  }

  /** Who holds the slots of the pool. */
  concurrencyStatus(
    name: string,
    page: { page?: number; flow_run_limit?: number } = {},
  ): Promise<JsonObject> {
    return this.#http.query(`/work_pools/${segment(name)}/concurrency_status`, page);
  }
}

/** `/work_queues`, and the queues of one pool. */
export class WorkQueues {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** Without a pool the queue comes into Prefect's `default-agent-pool`. */
  create(queue: WorkQueueCreate, { pool }: { pool?: string | undefined } = {}): Promise<WorkQueue> {
    return this.#http.post(
      pool === undefined ? "/work_queues/" : `/work_pools/${segment(pool)}/queues`,
      queue,
    );
  }

  read(id: string): Promise<WorkQueue> {
    return this.#http.get(`/work_queues/${segment(id)}`);
  }

  readByName(name: string, { pool }: { pool?: string | undefined } = {}): Promise<WorkQueue> {
    return this.#http.get(
      pool === undefined
        ? `/work_queues/name/${segment(name)}`
        : `/work_pools/${segment(pool)}/queues/${segment(name)}`,
    );
  }

  list(
    filter: PageOptions & { work_queues?: FilterObject } = {},
    { pool }: { pool?: string | undefined } = {},
  ): Promise<WorkQueue[]> {
    return this.#http.query(
      pool === undefined ? "/work_queues/filter" : `/work_pools/${segment(pool)}/queues/filter`,
      filter,
    );
  }

  async update(id: string, changes: WorkQueueUpdate): Promise<void> {
    await this.#http.patch(`/work_queues/${segment(id)}`, changes);
  }

  async delete(id: string): Promise<void> {
    await this.#http.delete(`/work_queues/${segment(id)}`);
  }

  /** Whether workers look at it and its runs start on time. */
  status(id: string): Promise<JsonObject> {
    return this.#http.get(`/work_queues/${segment(id)}/status`);
  }

  /** Who holds the slots of the queue. */
  concurrencyStatus(
    id: string,
    page: PageOptions & { page?: number } = {},
  ): Promise<{ active_slots: number; concurrency_limit: number | null; flow_runs: FlowRun[] }> {
    return this.#http.query(`/work_queues/${segment(id)}/concurrency_status`, page);
  }

  /** The runs that wait in it, soonest first. */
  runs(id: string, filter: { limit?: number; scheduled_before?: string } = {}): Promise<FlowRun[]> {
    return this.#http.query(`/work_queues/${segment(id)}/get_runs`, filter);
  }
}

/** Workers of a pool: those who list them, and the agent's own side of the conversation. */
export class Workers {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  list(pool: string, filter: PageOptions & { workers?: FilterObject } = {}): Promise<Worker[]> {
    return this.#http.query(`/work_pools/${segment(pool)}/workers/filter`, filter);
  }

  async delete(pool: string, name: string): Promise<void> {
    await this.#http.delete(`/work_pools/${segment(pool)}/workers/${segment(name)}`);
  }

  /** Registers the agent and keeps its session alive. */
  beat(pool: string, beat: z.input<typeof SessionBeat>, options: CallOptions = {}): Promise<SessionAnswer> {
    return this.#http.post(`/work_pools/${segment(pool)}/workers/session`, beat, {
      isRepeatable: true,
      ...options,
    });
  }

  /** Ends the session: the agent goes away on purpose and has nothing running. */
  async endSession(pool: string, name: string, sessionId: string, options: CallOptions = {}): Promise<void> {
    await this.#http.delete(
      `/work_pools/${segment(pool)}/workers/${segment(name)}/session/${segment(sessionId)}`,
      options,
    );
  }

  /** Asks for at most one run per attempt id; the same ids get the same runs. */
  claim(pool: string, claim: z.input<typeof Claim>, options: CallOptions = {}): Promise<ClaimAnswer> {
    return this.#http.post(`/work_pools/${segment(pool)}/claim`, claim, { isRepeatable: true, ...options });
  }

  /** Says that the process of an attempt exists. */
  async startAttempt(
    flowRunId: string,
    attemptId: string,
    start: AttemptStart,
    options: CallOptions = {},
  ): Promise<void> {
    await this.#http.post(`/flow_runs/${segment(flowRunId)}/attempts/${segment(attemptId)}/start`, start, {
      isRepeatable: true,
      ...options,
    });
  }

  /** Says that the process of an attempt is gone; everything it held goes with it. */
  endAttempt(
    flowRunId: string,
    attemptId: string,
    end: AttemptEnd,
    options: CallOptions = {},
  ): Promise<FlowRun> {
    return this.#http.post(`/flow_runs/${segment(flowRunId)}/attempts/${segment(attemptId)}/end`, end, {
      isRepeatable: true,
      ...options,
    });
  }

  /** Where an agent listens for wakes. */
  socketUrl(pool: string, name: string): string {
    return this.#http.socketUrl(`/work_pools/${segment(pool)}/workers/${segment(name)}/socket`);
  }
}
