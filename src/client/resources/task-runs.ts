/** Task runs: the steps of flow runs. */
import type { TaskRun } from "../../contract/wire/task-runs.ts";
import { segment, type Http } from "../http.ts";
import type { Filter } from "./page.ts";

/** `/task_runs` */
export class TaskRuns {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  read(id: string): Promise<TaskRun> {
    return this.#http.get(`/task_runs/${segment(id)}`);
  }

  list(filter: Filter = {}): Promise<TaskRun[]> {
    return this.#http.query("/task_runs/filter", filter);
  }
}
