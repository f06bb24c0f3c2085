/** The typed client: one property per resource of the API. */
import { Http, type HttpOptions } from "./http.ts";
import { Artifacts } from "./resources/artifacts.ts";
import { Audit } from "./resources/audit.ts";
import { Blocks, BlockTypes } from "./resources/blocks.ts";
import { Limits, TagLimits } from "./resources/limits.ts";
import { Deployments, FlowRuns, Flows, Logs } from "./resources/runs.ts";
import { Server } from "./resources/server.ts";
import { TaskRuns } from "./resources/task-runs.ts";
import { Variables } from "./resources/variables.ts";
import { Workers, WorkPools, WorkQueues } from "./resources/work-pools.ts";

export interface Client {
  /** For calls that no resource has. */
  readonly http: Http;
  readonly limits: Limits;
  readonly tagLimits: TagLimits;
  readonly workPools: WorkPools;
  readonly workQueues: WorkQueues;
  readonly workers: Workers;
  readonly flows: Flows;
  readonly deployments: Deployments;
  readonly flowRuns: FlowRuns;
  readonly taskRuns: TaskRuns;
  readonly logs: Logs;
  readonly variables: Variables;
  readonly blocks: Blocks;
  readonly blockTypes: BlockTypes;
  readonly artifacts: Artifacts;
  readonly audit: Audit;
  readonly server: Server;
  /** Closes the connections once the calls in progress have ended. Not needed for a process to end. */
  close(): Promise<void>;
}

/** Makes a client. Nothing is sent before the first call; every call throws `SluiceApiError` when it fails. */
export function createClient(options: HttpOptions = {}): Client {
  const http = new Http(options);
  return {
    http,
    limits: new Limits(http),
    tagLimits: new TagLimits(http),
    workPools: new WorkPools(http),
    workQueues: new WorkQueues(http),
    workers: new Workers(http),
    flows: new Flows(http),
    deployments: new Deployments(http),
    flowRuns: new FlowRuns(http),
    taskRuns: new TaskRuns(http),
    logs: new Logs(http),
    variables: new Variables(http),
    blocks: new Blocks(http),
    blockTypes: new BlockTypes(http),
    artifacts: new Artifacts(http),
    audit: new Audit(http),
    server: new Server(http),
    close: () => http.close(),
  };
}
