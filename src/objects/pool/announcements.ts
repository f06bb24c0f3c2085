/**
 * What a pool tells others of its runs' changes: the stand-ins of subflows, the subflows of a run that has gone, and those who
 * listen to events. Nobody may listen, so nothing is written for them here: once the hub has said that nobody wants
 * events, changes are only remembered for a minute, and the hub says when somebody comes. What a process is stopped by
 * goes through the outbox; other events may be lost with the instance.
 */
import { addressOfHub } from "../../contract/envelope.ts";
import { callUnstored } from "../shared/unstored-call.ts";
import { journalOfOwnTaskRun, journalOfRun } from "../../contract/journals.ts";
import type { Event } from "../../contract/wire/events.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { State, StateType } from "../../contract/wire/states.ts";
import type { PoolStatus } from "../../contract/wire/work-pools.ts";
import {
  describePoolChange,
  describeStateChange,
  describeServing,
  describeStatusChange,
  type NamesById,
  type PoolChange,
  type PoolOfRun,
} from "../../domain/events/state-event.ts";
import { mintId, mintRequestId, poolOf, type PoolContext } from "./context.ts";
import { RelatedNames } from "./related-names.ts";

/** Prefect's clients ask for what occurred in the minute before they came (source: wire §2.9). */
const REMEMBERED_MS = 60_000;
const REMEMBERED_MAX = 500;
const EVENTS_PER_CALL = 200;
/** Changes that may wait while the hub is told of earlier ones; it is told of no more. */
const WAITING_MAX = 10_000;
/** What the journal of a run is asked to do with what the run has started. */
const ENDS_OF_CHILDREN: Partial<Record<StateType, string>> = {
  CANCELLED: "cancel_children",
  CRASHED: "crash_children",
};

interface Change {
  at: number;
  /** The flow and the deployment that the event names. */
  related: string[];
  /** Made when it is sent: nobody may want it. */
  describe: (names: NamesById) => Event;
}

/** Changes of deployments that the catalog has to be asked for. */
interface Unfolded {
  at: number;
  unfold: () => Promise<Change[]>;
}

export class Announcements {
  readonly #context: PoolContext;
  readonly #names: RelatedNames;
  /** Undefined: the hub was not asked yet. */
  isWanted: boolean | undefined;
  /** Changes that nobody wanted, the youngest last. */
  #remembered: (Change | Unfolded)[] = [];
  #waiting: (Change | Unfolded)[] = [];
  #isSending = false;
  /** How often the hub has said that events are wanted: an older answer of its own does not count. */
  #calls = 0;

  constructor(context: PoolContext) {
    this.#context = context;
    this.#names = new RelatedNames(context.host);
  }

  /** A run came to a new state, in the transaction that runs now. */
  noteState(run: FlowRun, before: State | null): void {
    const { host } = this.#context;
    if (run.state === null) return;
    this.#copyToStandIn(run, run.state);
    if (run.start_time !== null) this.#endChildren(run);
    // Parameters and results are not told, and would fill the memory of an object in which changes wait.
    const slim: FlowRun = { ...run, parameters: {}, context: {}, job_variables: null, state: null };
    const state = { ...run.state, data: null };
    const earlier = before && { ...before, data: null };
    const change: Change = {
      at: host.now(),
      related: [run.flow_id, ...(run.deployment_id === null ? [] : [run.deployment_id])],
      describe: (names) => describeStateChange(slim, state, earlier, this.#poolOfRuns(), names),
    };
    const isStop = run.state_type === "CANCELLING" || run.state_type === "PAUSED";
    if (isStop && this.isWanted !== false) this.#sendSafely(change);
    else this.#note(change);
  }

  /** The pool, or one of its queues, came to another status. */
  noteStatus(kind: "work-pool" | "work-queue", of: { id: string; name: string }, status: PoolStatus): void {
    const pool = this.#poolOfRuns();
    if (pool === null) return;
    const at = this.#context.host.now();
    const id = mintId(this.#context, "state", at);
    this.#note({ at, related: [], describe: () => describeStatusChange({ id, at, kind, of, status, pool }) });
  }

  /** The pool, or one of its queues, was made, changed or deleted, in the transaction that runs now. */
  noteChange(change: PoolChange): void {
    const pool = this.#poolOfRuns();
    if (pool === null) return;
    const at = this.#context.host.now();
    const event = describePoolChange(change, pool, { id: mintId(this.#context, "state", at), at });
    if (event !== undefined) this.#note({ at, related: [], describe: () => event });
  }

  /** Deployments came to another status: a process serves them, or those of a queue are polled, or not any more. */
  noteDeployments(of: { ids: string[] } | { work_queue_id: string }, status: PoolStatus): void {
    const pool = this.#poolOfRuns();
    const at = this.#context.host.now();
    const describe = async () =>
      (await this.#names.findDeployments(of)).map((deployment) => {
        const id = mintId(this.#context, "state", at);
        return { at, related: [], describe: () => describeServing({ id, at, deployment, status, pool }) };
      });
    this.#note({ at, unfold: describe });
  }

  /** Has the hub say whether anybody wants events, unless it is known. */
  ask(): void {
    if (this.isWanted === undefined && !this.#isSending) this.#context.host.background(this.#tell([]));
  }

  #note(change: Change | Unfolded): void {
    if (this.isWanted === false) this.#remember(change);
    else if (this.#waiting.length < WAITING_MAX) {
      this.#waiting.push(change);
      if (!this.#isSending) this.#context.host.background(this.#send());
    }
  }

  /** The task run that stands for a subflow in its parent has the states of the subflow (source: wire §4.1). */
  #copyToStandIn(run: FlowRun, state: State): void {
    const { host, send } = this.#context;
    const task_run_id = run.parent_task_run_id;
    const journal =
      task_run_id === null ? undefined : journalOfOwnTaskRun(host.address.workspace, task_run_id);
    if (journal === undefined) return;
    const state_details = { ...state.state_details, child_flow_run_id: run.id };
    const changes = [{ task_run_id, flow_run_id: null, state: { ...state, state_details } }];
    send(journal, "record_task_runs", mintRequestId(this.#context), { changes });
  }

  /**
   * What a cancelled run has started is cancelled with it (source: wire §4.4), and what ran within the process of a
   * crashed one is gone with that; its journal knows what that is.
   */
  #endChildren({ id, state_type }: FlowRun): void {
    const { host, send } = this.#context;
    const operation = state_type === null ? undefined : ENDS_OF_CHILDREN[state_type];
    const journal = journalOfRun(host.address.workspace, id);
    if (operation !== undefined && journal !== undefined)
      send(journal, operation, mintRequestId(this.#context), { flow_run_id: id });
  }

  /** Somebody listens from now on: what was remembered is of interest after all. */
  hearWanted(): void {
    this.#calls += 1;
    this.isWanted = true;
    const since = this.#context.host.now() - REMEMBERED_MS;
    this.#waiting.push(...this.#remembered.filter(({ at }) => at >= since));
    this.#remembered = [];
    if (!this.#isSending) this.#context.host.background(this.#send());
  }

  /** A turn failed: what it noted may never have been. */
  forget(): void {
    this.#waiting = [];
  }

  #remember(change: Change | Unfolded): void {
    this.#remembered.push(change);
    if (this.#remembered.length >= 2 * REMEMBERED_MAX) this.#remembered.splice(0, REMEMBERED_MAX);
  }

  #sendSafely(change: Change): void {
    const { host, send } = this.#context;
    const command = { events: [change.describe(this.#names.known)], from: host.address.key };
    send(addressOfHub(host.address.workspace), "note_events", mintRequestId(this.#context), command);
  }

  /** Sends what waits. What a transaction wrote leaves no object before its commit, so neither does its event. */
  async #send(): Promise<void> {
    this.#isSending = true;
    try {
      // The changes of one turn go together.
      await Promise.resolve();
      while (this.#waiting.length > 0) await this.#tell(this.#waiting.splice(0, EVENTS_PER_CALL));
    } finally {
      this.#isSending = false;
    }
  }

  async #tell(noted: (Change | Unfolded)[]): Promise<void> {
    const { host } = this.#context;
    const calls = this.#calls;
    const changes = (
      await Promise.all(noted.map(async (change) => ("unfold" in change ? change.unfold() : [change])))
    ).flat();
    await this.#names.learn(changes.flatMap(({ related }) => related));
    const names = this.#names.known;
    const result = await callUnstored(host, addressOfHub(host.address.workspace), "note_events", {
      events: changes.map((change) => change.describe(names)),
      from: host.address.key,
    });
    if (!result.ok || calls !== this.#calls) return;
    const wasWanted = this.isWanted;
    this.isWanted = (result.value as { is_wanted: boolean } | null)?.is_wanted;
    if (this.isWanted === true && wasWanted !== true)
      await this.#context.turn("watch statuses", () => this.#context.statuses.look());
    if (this.isWanted !== false) return;
    for (const change of [...noted, ...this.#waiting.splice(0)]) this.#remember(change);
  }

  /** The pool as its runs' events name it; runs of an internal one have none. */
  #poolOfRuns(): PoolOfRun | null {
    const { id, name, type, is_internal } = poolOf(this.#context);
    return is_internal ? null : { id, name, type };
  }
}
