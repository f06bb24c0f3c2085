/** What a workspace does: the turns of the catalog, blocks, the directory, variables and the audit log. Platform-free. */
import type { Envelope } from "../../contract/envelope.ts";
import { deriveShardKey } from "../../contract/ids.ts";
import { accept, refuse } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { AuditedKind } from "../../contract/wire/audit.ts";
import { describeDeploymentAct, describeScheduleAct, type CatalogAct } from "../../domain/audit/catalog.ts";
import type { DeploymentRecord } from "../../domain/catalog/deployments.ts";
import type { ScheduleRecord } from "../../domain/catalog/schedules.ts";
import { Actor, type Effect, type Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import {
  countRows,
  deleteFlow,
  filterDeployments,
  filterFlows,
  findIds,
  insertFlow,
  readDeployment,
  readEarliestDue,
  readFlow,
  readSchedules,
  updateFlow,
} from "./catalog-store.ts";
import { actionOf, relatedOfDeployment, type StampedEntry } from "../../domain/events/catalog-event.ts";
import { ChangeNews } from "../shared/change-news.ts";
import { Deployments } from "./deployments.ts";
import { makeUuid } from "../shared/uuid.ts";
import { handleArtifactIndex } from "./artifact-index.ts";
import { addEntry, handleAudit } from "./audit.ts";
import { Blocks } from "./blocks.ts";
import { deleteEntry, findEntries, listEntries, putEntry } from "./directory-store.ts";
import { countLimits, filterLimits } from "./limit-directory.ts";
import { LimitEars } from "./limit-ears.ts";
import { handleEventNames } from "./event-names.ts";
import { handleSavedSearches } from "./saved-searches.ts";
import { migrations } from "./migrations.ts";
import type { WorkspaceOperations } from "./operations.ts";
import { deleteVariable, filterVariables, putVariable, readVariable } from "./variable-store.ts";
import { handleViolations } from "./violation-store.ts";
import { whereDeployments, whereFlows, whereVariables } from "./where.ts";

const FLOW_NOT_FOUND = refuse("not_found", "Flow not found");
const VARIABLE_NOT_FOUND = refuse("not_found", "Variable not found.");

export class WorkspaceActor extends Actor<WorkspaceOperations> {
  readonly #deployments = new Deployments({
    host: this.host,
    send: (...effect) => this.send(...effect),
    wakeAt: (at) => this.wakeAt(at),
  });

  readonly #limitEars = new LimitEars(this.host, (at) => this.wakeAt(at));
  readonly #news = new ChangeNews(this.host);
  readonly #blocks = new Blocks(this.host, {
    audit: (...record) => this.#audit(...record),
    news: this.#news,
  });

  protected readonly handlers: Handlers<WorkspaceOperations> = {
    ...this.#blocks.handlers,
    ...handleArtifactIndex(this.host, this.#news),
    ...handleSavedSearches(this.host),
    ...handleViolations(this.host),
    ...handleEventNames(this.host),
    ...handleAudit(this.host),
    create_flow: ({ name, tags, labels }, envelope) => {
      const existing = readFlow(this.host.sql, { name });
      if (existing !== undefined) return accept({ flow: existing, was_created: false });
      const now = this.#now();
      const flow = {
        id: makeUuid(this.host),
        created: now,
        updated: now,
        name,
        tags: [...new Set(tags ?? [])],
        labels: labels ?? {},
      };
      insertFlow(this.host.sql, flow);
      this.#publish(envelope, "flow", flow);
      return accept({ flow, was_created: true });
    },
    read_flow: (by) => {
      const flow = readFlow(this.host.sql, by);
      return flow === undefined ? FLOW_NOT_FOUND : accept(flow);
    },
    update_flow: ({ id, tags }, envelope) => {
      const flow = readFlow(this.host.sql, { id });
      if (flow === undefined) return FLOW_NOT_FOUND;
      const changed = { ...flow, tags: [...new Set(tags)], updated: this.#now() };
      updateFlow(this.host.sql, changed);
      this.#publish(envelope, "flow", changed);
      return accept(changed);
    },
    delete_flow: ({ id }, envelope) => {
      const flow = readFlow(this.host.sql, { id });
      if (flow === undefined) return FLOW_NOT_FOUND;
      for (const deployment of this.#deployments.deleteOfFlow(id))
        this.#publishDeployment(envelope, deployment, id);
      deleteFlow(this.host.sql, id);
      this.#publish(envelope, "flow", flow);
      return accept(null);
    },
    filter_flows: ({ filter, ...page }) => accept(filterFlows(this.host.sql, whereFlows(filter), page)),
    count_flows: ({ filter }) => accept(countRows(this.host.sql, "flow", whereFlows(filter))),
    find_flow_ids: ({ filter, limit }) => accept(findIds(this.host.sql, "flow", whereFlows(filter), limit)),

    put_deployment: (command, envelope) => {
      const { flow_id, name } = command.create;
      const before = readDeployment(this.host.sql, { flow_id: flow_id.toLowerCase(), name });
      const result = this.#deployments.put(command);
      if (result.ok) this.#publishDeployment(envelope, before, result.value.deployment.id);
      return result;
    },
    update_deployment: (command, envelope) => {
      const before = readDeployment(this.host.sql, command);
      const result = this.#deployments.update(command);
      if (result.ok) this.#publishDeployment(envelope, before, command.id);
      return result;
    },
    read_deployment: (by) => this.#deployments.read(by),
    await_limit: ({ deployment_id }) => this.#limitEars.wait(deployment_id),
    delete_deployment: ({ id }, envelope) => {
      const result = this.#deployments.delete(id);
      if (!result.ok) return result;
      this.#publishDeployment(envelope, result.value, id);
      return accept(null);
    },
    filter_deployments: ({ filter, ...page }) =>
      accept(this.#deployments.present(filterDeployments(this.host.sql, whereDeployments(filter), page))),
    count_deployments: ({ filter }) =>
      accept(countRows(this.host.sql, "deployment", whereDeployments(filter))),
    find_deployment_ids: ({ filter, limit }) =>
      accept(findIds(this.host.sql, "deployment", whereDeployments(filter), limit)),
    create_schedules: (command, envelope) => {
      const before = this.#schedulesOf(command.deployment_id);
      const result = this.#deployments.createSchedules(command);
      if (result.ok) this.#auditSchedules(envelope, command.deployment_id, before);
      return result;
    },
    update_schedule: ({ deployment_id, schedule_id, update }, envelope) => {
      const before = this.#schedulesOf(deployment_id);
      const result = this.#deployments.updateSchedule(deployment_id, schedule_id, update);
      if (result.ok) this.#auditSchedules(envelope, deployment_id, before);
      return result;
    },
    delete_schedule: ({ deployment_id, schedule_id }, envelope) => {
      const before = this.#schedulesOf(deployment_id);
      const result = this.#deployments.deleteSchedule(deployment_id, schedule_id);
      if (result.ok) this.#auditSchedules(envelope, deployment_id, before);
      return result;
    },

    backfill_deployment: (command) => this.#deployments.backfill(command),

    create_variable: ({ name, value, tags }, envelope) => {
      if (readVariable(this.host.sql, { name }) !== undefined)
        return refuse("conflict", `A variable with the name ${JSON.stringify(name)} already exists.`);
      const now = this.#now();
      const variable = { id: makeUuid(this.host), created: now, updated: now, name, value, tags };
      putVariable(this.host.sql, variable);
      this.#publish(envelope, "variable", variable);
      return accept(variable);
    },
    read_variable: (by) => {
      const variable = readVariable(this.host.sql, by);
      return variable === undefined ? VARIABLE_NOT_FOUND : accept(variable);
    },
    update_variable: ({ target, update }, envelope) => {
      const variable = readVariable(this.host.sql, target);
      if (variable === undefined) return VARIABLE_NOT_FOUND;
      const { name = variable.name, value = variable.value, tags = variable.tags } = update;
      if (name !== variable.name && readVariable(this.host.sql, { name }) !== undefined)
        return refuse("conflict", `A variable with the name ${JSON.stringify(name)} already exists.`);
      const changed = { ...variable, name, value, tags, updated: this.#now() };
      putVariable(this.host.sql, changed);
      this.#publish(envelope, "variable", changed);
      return accept(changed);
    },
    delete_variable: (by, envelope) => {
      const variable = readVariable(this.host.sql, by);
      if (variable === undefined) return VARIABLE_NOT_FOUND;
      deleteVariable(this.host.sql, variable.id);
      this.#publish(envelope, "variable", variable);
      return accept(null);
    },
    filter_variables: ({ filter, ...page }) =>
      accept(filterVariables(this.host.sql, whereVariables(filter), page)),
    count_variables: ({ filter }) => accept(countRows(this.host.sql, "variable", whereVariables(filter))),

    register: ({ kind, entry }) => {
      putEntry(this.host.sql, kind, entry);
      return accept(null);
    },
    unregister: ({ kind, name, id }) => {
      const wasThere = deleteEntry(this.host.sql, kind, name, id);
      if (wasThere && kind === "pool") {
        const key = deriveShardKey("pool", this.host.address.workspace, name);
        putEntry(this.host.sql, "former_pool", { id, name, key });
        this.#deployments.leavePool(name);
      }
      return accept(null);
    },
    list_directory: ({ kind, after_name, limit }) =>
      accept(listEntries(this.host.sql, kind, after_name, limit)),
    filter_limits: ({ filter, sort, limit, offset }) =>
      accept(filterLimits(this.host.sql, filter, sort, { limit, offset })),
    count_limits: ({ filter }) => accept(countLimits(this.host.sql, filter)),
    find_directory: ({ kind, names }) => accept(findEntries(this.host.sql, kind, names)),
  };
  /** A workspace exists by its key alone, so whatever is asked first makes its tables. */
  protected readonly creating: ReadonlySet<string> = new Set(Object.keys(this.handlers));

  constructor(host: ObjectHost) {
    super(host, migrations);
  }

  protected sweep(now: number): void {
    this.#limitEars.sweep(now);
    this.#deployments.sweep(now);
  }

  protected earliestDeadline(): number | undefined {
    const deadlines = [readEarliestDue(this.host.sql), this.#limitEars.earliestDeadline()];
    const found = deadlines.filter((at) => at !== undefined);
    return found.length === 0 ? undefined : Math.min(...found);
  }

  protected override settleEffect(effect: Effect): void {
    this.#deployments.settle(effect);
    if (effect.target.kind === "limit") this.#limitEars.settle(effect.target);
  }

  protected override forget(): void {
    this.#news.forget();
  }

  #now(): string {
    return formatInstant(this.host.now());
  }

  /** `told`: what it is called and what it changed, where the operation's name does not say it. */
  #audit(
    envelope: Envelope,
    kind: AuditedKind,
    { id, name }: { id: string; name: string },
    told?: CatalogAct,
  ): void {
    const { actor, operation } = envelope;
    addEntry(this.host.sql, { at: this.host.now(), actor, operation, kind, id, name }, told);
  }

  /** Writes down what was done to an entry that listeners hear of, too. */
  #publish(envelope: Envelope, kind: "flow" | "variable", entry: StampedEntry): void {
    this.#audit(envelope, kind, entry);
    this.#news.note({ kind, action: actionOf(envelope.operation, entry), entry });
  }

  /** As it was, undefined where it was not, beside what it has become. */
  #publishDeployment(envelope: Envelope, before: DeploymentRecord | undefined, id: string): void {
    const after = readDeployment(this.host.sql, { id });
    const entry = after ?? before;
    if (entry === undefined) return;
    const told = describeDeploymentAct(before ?? null, after ?? null);
    if (told !== undefined) this.#audit(envelope, "deployment", entry, told);
    const action = actionOf(envelope.operation, entry);
    this.#news.note({ kind: "deployment", action, entry, related: relatedOfDeployment(entry) });
  }

  #schedulesOf(deployment_id: string): ScheduleRecord[] {
    const stored = readSchedules(this.host.sql, [deployment_id]).get(deployment_id) ?? [];
    return stored.map(({ record }) => record);
  }

  /** What became of each schedule of a deployment stands in the list as an act on the deployment. */
  #auditSchedules(envelope: Envelope, deployment_id: string, before: readonly ScheduleRecord[]): void {
    const deployment = readDeployment(this.host.sql, { id: deployment_id });
    const after = this.#schedulesOf(deployment_id);
    for (const id of new Set([...before, ...after].map((schedule) => schedule.id))) {
      const isIt = (schedule: ScheduleRecord): boolean => schedule.id === id;
      const told = describeScheduleAct(before.find(isIt) ?? null, after.find(isIt) ?? null);
      if (deployment !== undefined && told !== undefined)
        this.#audit(envelope, "deployment", deployment, told);
    }
  }
}
