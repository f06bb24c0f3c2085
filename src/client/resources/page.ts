/** One page of a list. */
export interface PageOptions {
  /** At most 200. */
  limit?: number;
  offset?: number;
}

/** A filter of Prefect's shape (`{ flow_runs: { state: { type: { any_: […] } } } }`) with its page and sort. */
export interface Filter extends PageOptions {
  flows?: FilterObject;
  flow_runs?: FilterObject;
  task_runs?: FilterObject;
  deployments?: FilterObject;
  work_pools?: FilterObject;
  work_pool_queues?: FilterObject;
  work_queues?: FilterObject;
  workers?: FilterObject;
  logs?: FilterObject;
  variables?: FilterObject;
  sort?: string;
}
export type FilterObject = { [field: string]: unknown };
