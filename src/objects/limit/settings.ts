/** The limit itself: how it is created, changed, shown and deleted, and what people say of its slots by hand. */
import { WAITERS_MAX } from "../../contract/bounds.ts";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import { accept, INTEGRITY_CONFLICT, refuse, type Result } from "../../contract/errors.ts";
import { formatId } from "../../contract/ids.ts";
import type { AuditTarget } from "../../contract/wire/audit.ts";
import type { Limit } from "../../contract/wire/limits.ts";
import { isLimitOfDeployment } from "../../domain/catalog/deployments.ts";
import type { ChangeAction } from "../../domain/events/catalog-event.ts";
import { changeConfig, createConfig } from "../../domain/limit/configure.ts";
import { decayedLevel, doesDecay } from "../../domain/limit/decay.ts";
import { toLimitRecord } from "../../domain/limit/records.ts";
import type { LimitConfig } from "../../domain/limit/types.ts";
import { verbOfUpdate } from "../../domain/audit/acts.ts";
import { describeChanges } from "../../domain/audit/changes.ts";
import type { ActEnvelope, Acts } from "../shared/acts.ts";
import type { Answer } from "../shared/actor.ts";
import type { ChangeNews } from "../shared/change-news.ts";
import type { LimitCore } from "./core.ts";
import type { Ears } from "./ears.ts";
import type { Line } from "./line.ts";
import type { LimitOperations } from "./operations.ts";
import { LIMIT_NOT_FOUND } from "./refusals.ts";

/** How long `create` waits for the directory to know the limit. */
const REGISTER_WAIT_MS = 1000;

/** What people set, as the audit list tells it. */
const TOLD = [
  "limit",
  "active",
  "slot_decay_per_second",
  "denied_slots",
  "slot_names",
  "bypass_max",
] as const satisfies (keyof LimitConfig)[];
const SWITCHES = { active: ["enable", "disable"], active_slots: ["reset", "reset"] } as const;

type Update = Omit<LimitOperations["update"]["command"], "id">;
/** Sends an effect on the workspace. */
type Send = (
  target: ReturnType<typeof addressOfWorkspace>,
  operation: string,
  request_id: string,
  command: unknown,
) => void;

export class Settings {
  readonly #core: LimitCore;
  readonly #line: Line;
  readonly #ears: Ears;
  readonly #send: Send;
  readonly #news: ChangeNews;
  readonly #acts: Acts;
  /** Who created the limit and waits for the directory, by the effect that is delivered last. */
  readonly #registering = new Map<string, () => void>();

  constructor(core: LimitCore, line: Line, ears: Ears, send: Send, news: ChangeNews, acts: Acts) {
    this.#core = core;
    this.#line = line;
    this.#ears = ears;
    this.#send = send;
    this.#news = news;
    this.#acts = acts;
  }

  /** The limit, if it exists and has this id. */
  find(id?: string): Result<LimitConfig> {
    const config = this.#core.config;
    return config === undefined || (id !== undefined && config.id !== id)
      ? refuse("not_found", LIMIT_NOT_FOUND)
      : accept(config);
  }

  /** How the limit looks to people. */
  record(config: LimitConfig): Limit {
    return toLimitRecord(
      config,
      this.#core.countInUse(config, this.#core.host.now()),
      this.#core.store.waiters.count(WAITERS_MAX),
    );
  }

  create(command: LimitOperations["create"]["command"], envelope: ActEnvelope): Answer<Limit> {
    const refusal = this.#refuseOther(command.name);
    if (refusal !== undefined) return refusal;
    if (this.#core.config !== undefined) return refuse("conflict", INTEGRITY_CONFLICT);
    return this.#created(command, envelope, (limit) => limit);
  }

  /** Two names may fall on one key: the second one cannot be had, also when the first is deleted. */
  #refuseOther(name: string): Result<never> | undefined {
    const { name: own = name } = this.#core.stored ?? {};
    return own === name
      ? undefined
      : refuse("conflict", `The name ${name} falls on the same key as ${own}; choose another name.`);
  }

  #created<Value>(
    command: LimitOperations["create"]["command"],
    envelope: ActEnvelope,
    answer: (limit: Limit) => Value,
  ): Answer<Value> {
    const now = this.#core.host.now();
    const before = this.#core.stored;
    const id = formatId({
      layout: "limit",
      key: this.#core.key,
      head: now,
      version: 7,
      tail: this.#core.host.randomUint(22),
    });
    const created = createConfig(command, id, now, before);
    if (!created.ok) return created;
    this.#core.writeConfig(created.value);
    // Command lines send 0 where nobody has said a number: it must not end leases that outlive a deleted limit.
    const active_slots = command.active_slots ?? 0;
    if (active_slots > this.#core.countInUse(created.value, now))
      this.#setActiveSlots(created.value, active_slots);
    this.#announce("created", created.value);
    const register = `register:${id}`;
    this.#send(addressOfWorkspace(this.#core.host.address.workspace), "register", register, {
      kind: "limit",
      entry: { id, name: command.name, key: this.#core.key },
    });
    const changes = describeChanges(null, created.value, TOLD);
    const request_id = this.#acts.tell(envelope, "create", this.target(created.value), changes) ?? register;
    const value = answer(this.record(this.#core.config ?? created.value));
    // Whoever creates a limit finds it in the list right after; a directory that is slow does not hold up creation.
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#registering.delete(request_id);
        resolve(accept(value));
      };
      const cancel = this.#ears.after(REGISTER_WAIT_MS, done);
      this.#registering.set(request_id, done);
    });
  }

  /** Creates or updates. */
  put(
    command: LimitOperations["put"]["command"],
    envelope: ActEnvelope,
  ): Answer<LimitOperations["put"]["answer"]> {
    const refusal = this.#refuseOther(command.name);
    if (refusal !== undefined) return refusal;
    const before = this.#core.config;
    if (before === undefined)
      return this.#created(command, envelope, (limit) => ({ limit, was_created: true }));
    const { avg_slot_occupancy_seconds: _, ...update } = command;
    const result = this.#change(before, update, envelope);
    return result.ok ? accept({ limit: result.value, was_created: false }) : result;
  }

  read(id: string | undefined): Result<Limit> {
    const config = this.find(id);
    return config.ok ? accept(this.record(config.value)) : config;
  }

  update(id: string | undefined, update: Update, envelope: ActEnvelope): Result<Limit> {
    const config = this.find(id);
    return config.ok ? this.#change(config.value, update, envelope) : config;
  }

  /** Keeps the row: fence, incarnation and live leases outlive the limit. */
  delete(id: string | undefined, is_forced: boolean, envelope: ActEnvelope): Result<null> {
    const found = this.find(id);
    if (!found.ok) return found;
    const config = found.value;
    if (!is_forced && this.#core.store.waiters.hasAny())
      return refuse(
        "conflict",
        `Somebody waits for ${config.name}, and a limit that does not exist lets everybody through. Disable it first, or delete it with force.`,
      );
    const now = this.#core.host.now();
    this.#core.writeConfig({ ...config, deleted_at: now });
    this.#line.dissolve(now);
    this.#announce("deleted", config);
    this.#send(
      addressOfWorkspace(this.#core.host.address.workspace),
      "unregister",
      `unregister:${config.id}`,
      {
        kind: "limit",
        name: config.name,
        id: config.id,
      },
    );
    this.#acts.tell(envelope, "delete", this.target(config), describeChanges(config, null, TOLD));
    return accept(null);
  }

  /** The workspace knows the limit: who created it has waited for that. */
  noteDelivered(request_id: string): void {
    this.#registering.get(request_id)?.();
  }

  /** The limit as the audit list names it. */
  target({ id, name }: LimitConfig): AuditTarget {
    return { kind: "limit", id, name };
  }

  #change(config: LimitConfig, update: Update, envelope: ActEnvelope): Result<Limit> {
    const now = this.#core.host.now();
    const changed = changeConfig(config, update, now);
    if (!changed.ok) return changed;
    const active_slots = this.#core.countInUse(config, now);
    this.#core.writeConfig(changed.value);
    if (update.active_slots !== undefined && update.active_slots !== null)
      this.#setActiveSlots(changed.value, update.active_slots);
    const changes = {
      ...describeChanges(config, changed.value, TOLD),
      ...(typeof update.active_slots === "number" &&
        describeChanges({ active_slots }, { active_slots: update.active_slots }, ["active_slots"])),
    };
    this.#acts.tellChange(envelope, verbOfUpdate(changes, SWITCHES), this.target(config), changes);
    if (config.active && !changed.value.active) this.#line.dissolve(now);
    if (changed.value.limit < config.limit) this.#line.refuseAbove(changed.value.limit);
    this.#line.walk(now);
    this.#announce("updated", changed.value);
    return accept(this.record(this.#core.config ?? changed.value));
  }

  /** A limit that is a deployment's own changes with that, whose events tell it (source: Prefect's `models/deployments.py`). */
  #announce(action: ChangeAction, config: LimitConfig): void {
    if (!isLimitOfDeployment(config.name))
      this.#news.note({ kind: "concurrency-limit", action, entry: config });
  }

  /** An operator says how many slots are in use: the difference is taken or ended, oldest first. */
  #setActiveSlots(config: LimitConfig, wanted: number): void {
    const now = this.#core.host.now();
    if (doesDecay(config)) {
      const level = Math.max(0, wanted - this.#core.store.leases.countOccupied());
      this.#core.writeConfig({ ...config, level, level_at: now });
      return;
    }
    const excess = this.#core.store.leases.countOccupied() - wanted;
    if (excess > 0) this.giveBackAnonymous(excess);
    while (this.#core.store.leases.countOccupied() > wanted) {
      const [oldest] = this.#core.store.leases.list(0, 1);
      if (oldest === undefined) break;
      this.#core.takeAway(oldest, now);
    }
    const missing = wanted - this.#core.store.leases.countOccupied();
    if (missing > 0) this.#core.takeAnonymousSlots(config, missing, now);
  }

  /**
   * Gives back slots that were taken without a lease, oldest first; of a limit that decays those from before it did, which do
   * not go by themselves, and then its level.
   */
  giveBackAnonymous(slots: number): void {
    const now = this.#core.host.now();
    let left = slots;
    for (const lease of this.#core.store.leases.listAnonymous()) {
      if (left <= 0) return;
      if (lease.slots <= left) this.#core.endLease(lease, now, "holder");
      else this.#core.shrinkLease(lease, lease.slots - left);
      left -= lease.slots;
    }
    const config = this.#core.config;
    if (left <= 0 || config === undefined || !doesDecay(config)) return;
    const level = Math.max(0, decayedLevel(config, now) - left);
    this.#core.writeConfig({ ...config, level, level_at: now });
  }
}
