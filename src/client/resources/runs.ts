/** Flows, deployments, flow runs and their logs. */
import type { z } from "zod";
import type { JsonObject } from "../../contract/wire/common.ts";
import type {
  Deployment,
  DeploymentCreate,
  DeploymentUpdate,
  Flow,
  FlowCreate,
} from "../../contract/wire/deployments.ts";
import type {
  DeploymentFlowRunCreate,
  FlowRun,
  FlowRunCreate,
  FlowRunMoved,
  FlowRunUpdate,
} from "../../contract/wire/flow-runs.ts";
import type { Log, LogCreate } from "../../contract/wire/logs.ts";
import type {
  DeploymentSchedule,
  DeploymentScheduleCreate,
  DeploymentScheduleUpdate,
} from "../../contract/wire/schedules.ts";
import type { RunLease } from "../../contract/wire/limits.ts";
import type { RunExplanation } from "../../contract/wire/explanations.ts";
import type { OrchestrationResult, State, StateCreate } from "../../contract/wire/states.ts";
import { segment, type CallOptions, type Http } from "../http.ts";
import type { Filter, FilterObject, PageOptions } from "./page.ts";

/** `/flows` */
export class Flows {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** Creates the flow, or finds the one of that name. */
  put(flow: FlowCreate): Promise<Flow> {
    return this.#http.post("/flows/", flow, { isRepeatable: true });
  }

  read(id: string): Promise<Flow> {
    return this.#http.get(`/flows/${segment(id)}`);
  }

  readByName(name: string): Promise<Flow> {
    return this.#http.get(`/flows/name/${segment(name)}`);
  }

  list(filter: Filter = {}): Promise<Flow[]> {
    return this.#http.query("/flows/filter", filter);
  }

  async delete(id: string): Promise<void> {
    await this.#http.delete(`/flows/${segment(id)}`);
  }
}

/** `/deployments` */
export class Deployments {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** Creates the deployment, or replaces the one of that flow and name. */
  put(deployment: z.input<typeof DeploymentCreate>): Promise<Deployment> {
    return this.#http.post("/deployments/", deployment, { isRepeatable: true });
  }

  read(id: string): Promise<Deployment> {
    return this.#http.get(`/deployments/${segment(id)}`);
  }

  /** `fullName` is `<flow>/<deployment>`. */
  readByName(fullName: string): Promise<Deployment> {
    const slash = fullName.indexOf("/");
    if (slash <= 0)
      throw new TypeError(`"${fullName}" names no deployment; the form is <flow>/<deployment>.`);
    return this.#http.get(
      `/deployments/name/${segment(fullName.slice(0, slash))}/${segment(fullName.slice(slash + 1))}`,
    );
  }

  list(filter: Filter = {}): Promise<Deployment[]> {
    return this.#http.query("/deployments/filter", filter);
  }

  async update(id: string, changes: z.input<typeof DeploymentUpdate>): Promise<void> {
    await this.#http.patch(`/deployments/${segment(id)}`, changes);
  }

  async delete(id: string): Promise<void> {
    await this.#http.delete(`/deployments/${segment(id)}`);
  }

  /** Creates a run; sent again after a lost answer only when it carries an idempotency key. */
  createRun(
    id: string,
    run: z.input<typeof DeploymentFlowRunCreate> = {},
    options: CallOptions = {},
  ): Promise<FlowRun> {
    return this.#http.post(`/deployments/${segment(id)}/create_flow_run`, run, {
      isRepeatable: typeof run.idempotency_key === "string",
      ...options,
    });
  }

  schedules(id: string): Promise<DeploymentSchedule[]> {
    return this.#http.get(`/deployments/${segment(id)}/schedules`);
  }

  createSchedules(
    id: string,
    schedules: z.input<typeof DeploymentScheduleCreate>[],
  ): Promise<DeploymentSchedule[]> {
    return this.#http.post(`/deployments/${segment(id)}/schedules`, schedules);
  }

  async updateSchedule(
    id: string,
    scheduleId: string,
    changes: z.input<typeof DeploymentScheduleUpdate>,
  ): Promise<void> {
    await this.#http.patch(`/deployments/${segment(id)}/schedules/${segment(scheduleId)}`, changes);
  }

  async deleteSchedule(id: string, scheduleId: string): Promise<void> {
    await this.#http.delete(`/deployments/${segment(id)}/schedules/${segment(scheduleId)}`);
  }
}

/** `/flow_runs` */
export class FlowRuns {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** Creates a run; sent again after a lost answer only when it carries an idempotency key. */
  create(run: z.input<typeof FlowRunCreate>, options: CallOptions = {}): Promise<FlowRun> {
    return this.#http.post("/flow_runs/", run, {
      isRepeatable: typeof run.idempotency_key === "string",
      ...options,
    });
  }

  read(id: string, options: CallOptions = {}): Promise<FlowRun> {
    return this.#http.get(`/flow_runs/${segment(id)}`, options);
  }

  list(filter: Filter = {}): Promise<FlowRun[]> {
    return this.#http.query("/flow_runs/filter", filter);
  }

  count(filter: Omit<Filter, "sort" | "limit" | "offset"> = {}): Promise<number> {
    return this.#http.query("/flow_runs/count", filter);
  }

  async update(id: string, changes: z.input<typeof FlowRunUpdate>): Promise<void> {
    await this.#http.patch(`/flow_runs/${segment(id)}`, changes);
  }

  async updateLabels(id: string, labels: Record<string, string | number | boolean>): Promise<void> {
    await this.#http.patch(`/flow_runs/${segment(id)}/labels`, labels);
  }

  async delete(id: string): Promise<void> {
    await this.#http.delete(`/flow_runs/${segment(id)}`);
  }

  /**
   * Proposes a state; the answer says what became of it. A transition id makes the proposal repeatable, so one is
   * added where there is none.
   */
  setState(
    id: string,
    state: z.input<typeof StateCreate>,
    { force = false, ...options }: CallOptions & { force?: boolean } = {},
  ): Promise<OrchestrationResult> {
    const state_details = { transition_id: crypto.randomUUID(), ...state.state_details };
    return this.#http.post(
      `/flow_runs/${segment(id)}/set_state`,
      { state: { ...state, state_details }, force },
      { isRepeatable: true, ...options },
    );
  }

  /** Asks for the end of a run: what runs becomes Cancelling, what waits Cancelled at once. */
  async cancel(id: string): Promise<OrchestrationResult> {
    const answer = await this.setState(id, { type: "CANCELLING", name: "Cancelling" });
    // Where there is no process to stop the server rejects Cancelling and sets Cancelled, which is what was wanted.
    return answer.status === "REJECT" && answer.state?.type === "CANCELLED"
      ? { ...answer, status: "ACCEPT", details: { type: "accept_details" } }
      : answer;
  }

  resume(id: string, runInput: JsonObject | null = null): Promise<OrchestrationResult> {
    return this.#http.post(`/flow_runs/${segment(id)}/resume`, { run_input: runInput });
  }

  /**
   * Lets a run that waits go before all others of its queue, or of the line of its deployment's limit; doing it twice is
   * once. Refused with 409 where it does not wait.
   */
  moveToFront(id: string): Promise<FlowRunMoved> {
    return this.#http.post(`/flow_runs/${segment(id)}/to_front`, {}, { isRepeatable: true });
  }

  /** The states that the run has been in, oldest first. */
  states(id: string): Promise<State[]> {
    return this.#http.get("/flow_run_states/", { query: { flow_run_id: id } });
  }

  /** The slots that the run has held and given back, at most 100, in the order in which it got them. */
  leases(id: string): Promise<RunLease[]> {
    return this.#http.get(`/flow_runs/${segment(id)}/leases`);
  }

  /** Why the run is not running. */
  explain(id: string): Promise<RunExplanation> {
    return this.#http.get(`/flow_runs/${segment(id)}/why`);
  }
}

/** `/logs` */
export class Logs {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** Stores lines of output; lines that carry `attempt_id` and `sequence` are stored once however often they are sent. */
  async write(logs: z.input<typeof LogCreate>[], options: CallOptions = {}): Promise<void> {
    await this.#http.post("/logs/", logs, {
      isRepeatable: logs.every((log) => log.attempt_id !== undefined && log.sequence !== undefined),
      ...options,
    });
  }

  list(filter: PageOptions & { logs?: FilterObject; sort?: string } = {}): Promise<Log[]> {
    return this.#http.query("/logs/filter", filter);
  }
}
