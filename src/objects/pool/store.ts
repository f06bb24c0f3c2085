/** All SQL of a pool, one file per family of tables. */
import type { Sql } from "../shared/sql.ts";
import { WrittenDeadlines } from "../shared/written-deadlines.ts";
import { CatalogStore } from "./catalog-store.ts";
import { MovedStore } from "./moved-store.ts";
import { RunStore } from "./run-store.ts";
import { StateStore } from "./state-store.ts";
import { HeartbeatStore } from "./heartbeat-store.ts";
import { InputStore } from "./input-store.ts";
import { LineStore } from "./line-store.ts";
import { RunLeaseStore } from "./run-lease-store.ts";
import { AttemptStore } from "./attempt-store.ts";
import { DeploymentStore } from "./deployment-store.ts";

export class PoolStore {
  readonly catalog: CatalogStore;
  readonly runs: RunStore;
  readonly inputs: InputStore;
  readonly leases: RunLeaseStore;
  readonly moved: MovedStore;
  readonly states: StateStore;
  readonly line: LineStore;
  readonly attempts: AttemptStore;
  readonly deployments: DeploymentStore;
  readonly heartbeats: HeartbeatStore;

  readonly deadlines = new WrittenDeadlines();

  constructor(sql: Sql) {
    this.catalog = new CatalogStore(sql);
    this.attempts = new AttemptStore(sql, this.deadlines);
    this.runs = new RunStore(sql, this.attempts, this.deadlines);
    this.inputs = new InputStore(sql);
    this.leases = new RunLeaseStore(sql);
    this.moved = new MovedStore(sql);
    this.states = new StateStore(sql);
    this.line = new LineStore(sql, this.runs);
    this.deployments = new DeploymentStore(sql);
    this.heartbeats = new HeartbeatStore(sql);
  }
}
