/**
 * Faults put into the code on purpose, each of which the simulation must find. The sources on disk stay as they are: a
 * mutant changes a module's text while it is loaded, in a process of its own.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { type Change, type Mutant, mutant, mutantOf } from "./mutant.ts";
import { POOL_MUTANTS } from "./pool-mutants.ts";

export const MUTANTS: readonly Mutant[] = [
  mutant("a lease is counted twice", "src/objects/limit/lease-store.ts", [
    '"SELECT coalesce(sum(slots), 0) AS occupied FROM lease"',
    '"SELECT coalesce(sum(2 * slots), 0) AS occupied FROM lease"',
  ]),
  mutant(
    "reservations are not counted",
    "src/objects/limit/lease-store.ts",
    [
      '"SELECT coalesce(sum(slots), 0) AS occupied FROM lease"',
      `"SELECT coalesce(sum(slots), 0) AS occupied FROM lease WHERE kind <> 'reserved'"`,
    ],
    [
      "(SELECT coalesce(sum(slots), 0) FROM lease) AS occupied",
      "(SELECT coalesce(sum(slots), 0) FROM lease WHERE kind <> 'reserved') AS occupied",
    ],
    [
      "const MEASURE = `SELECT coalesce(sum(slots), 0)",
      "const MEASURE = `SELECT coalesce(sum(slots) FILTER (WHERE kind <> 'reserved'), 0)",
    ],
  ),
  mutant("the alarm of a new lease is forgotten", "src/objects/limit/core.ts", [
    `    this.#insert(lease, draft.room ?? null);
    this.wakeAt(endOfLease(lease.expires_at, this.host.expiry_floor));`,
    "    this.#insert(lease, draft.room ?? null);",
  ]),
  mutant("fences begin anew after a restart", "src/objects/limit/store.ts", [
    "UPDATE config SET fence_ceiling = ? WHERE one = 1 AND fence_ceiling < ?",
    "UPDATE config SET fence_ceiling = ? - 1000 WHERE one = 1 AND fence_ceiling < ?",
  ]),
  mutant("a grant is told and not stored", "src/objects/limit/lease-store.ts", [
    "  insert(lease: Lease, room: Room | null): boolean {",
    "  insert(lease: Lease, room: Room | null): boolean {\n    if (lease.fence % 5 === 0) return true;",
  ]),
  mutant("one slot is offered to two at once", "src/contract/bounds.ts", [
    "OFFER_SHARED_MS = 250",
    "OFFER_SHARED_MS = 0",
  ]),
  mutant("the tombstone of a request is dropped", "src/objects/limit/core.ts", [
    "    this.wakeAt(this.store.ended.remember(kind, id, now, trace));\n",
    "    void [kind, id, now, trace];\n",
  ]),
  mutant("an effect is acknowledged before it is delivered", "src/objects/shared/outbox.ts", [
    '      !result.ok && (result.error.code === "unavailable" || result.error.code === "overloaded");',
    "      result === undefined;",
  ]),
  mutant("an effect that failed holds back nobody", "src/objects/shared/outbox.ts", [
    "for (const row of rows) if (!(await this.#deliver(row, target))) return;",
    "for (const row of rows) await this.#deliver(row, target);",
  ]),
  mutant("an effect overtakes those that wait for their next try", "src/objects/shared/outbox.ts", [
    "WHERE target = ? AND attempt < ?), 0)))`",
    "WHERE target = ? AND attempt < 0 * ?), 0)))`",
  ]),
  mutant("waiters are served last come, first served", "src/objects/limit/line.ts", [
    "seq = Math.max(waiter.arrived_at * SEQS_PER_MS, (store.waiters.lastSeq(waiter.priority) ?? 0) + 1);",
    "seq = -waiter.arrived_at * SEQS_PER_MS;",
  ]),
  mutant("how often a waiter was passed is forgotten", "src/objects/limit/line.ts", [
    "store.waiters.countPassed(blocked);",
    "void blocked;",
  ]),
  mutant("a waiter who is moved stays where it was", "src/objects/limit/actor.ts", [
    "this.#line.insert(moved);",
    "this.#line.insert({ ...waiter, priority: Number.isNaN(priority) ? 0 : waiter.priority });",
  ]),
  mutant("the priority of who asks is not looked at", "src/objects/limit/acquire.ts", [
    "priority: command.priority,",
    "priority: Math.max(0, command.priority),",
  ]),
  mutant("there is no grace after a deadline", "src/contract/bounds.ts", [
    "GRACE_SECONDS = 10",
    "GRACE_SECONDS = 0",
  ]),
  mutant("leases end just after a start of the server", "src/domain/limit/deadlines.ts", [
    "return deadline < expiry_floor ? undefined : deadline;",
    "return expiry_floor < 0 ? undefined : deadline;",
  ]),
  mutant("a clock that is put forward ends leases", "src/objects/limit/actor.ts", [
    "this.#store.leases.listExpired(up_to, this.host.clock_stepped_at)",
    "this.#store.leases.listExpired(up_to, 0)",
  ]),
  mutant("a release wakes nobody", "src/objects/limit/actor.ts", [
    "    if (lease !== undefined) this.#advance();\n    return accept(null);",
    "    return accept(null);",
  ]),
  mutant("a renewal is answered and not stored", "src/objects/limit/lease-store.ts", [
    '"UPDATE lease SET expires_at = ?, lease_seconds = coalesce(?, lease_seconds) WHERE fence = ? AND tail = ? RETURNING fence"',
    '"UPDATE lease SET expires_at = max(expires_at, ? - 1000000000), lease_seconds = coalesce(?, lease_seconds) WHERE fence = ? AND tail = ? RETURNING fence"',
  ]),
  mutant("a share is dropped without asking its home", "src/objects/limit/actor.ts", [
    'if (lease.kind === "reserved" || lease.kind === "member") this.#reservations.askHome(lease, now);',
    'if (lease.kind === "reserved") this.#reservations.askHome(lease, now);',
  ]),
  mutant(
    "a lease over several limits is renewed for as long as a reservation",
    "src/objects/limit/joint-store.ts",
    [
      'lease_seconds = ?, expires_at = ? WHERE joint_id = ?"',
      'lease_seconds = min(30, ?), expires_at = ? WHERE joint_id = ?"',
    ],
  ),
  mutant("a member keeps what it reserved upon a question that came twice", "src/objects/limit/joint.ts", [
    "        this.#members.undo(asking.key, joint_id, { fence: asking.fence });",
    "        void asking;",
  ]),
  mutant("what is reserved for a waiter that is silent is kept for it", "src/objects/limit/joint.ts", [
    "now >= this.#silentAt(joint)",
    "now < 0",
  ]),
  mutant("the word of an operator ends what was reserved after it", "src/objects/limit/joint.ts", [
    "if (taken !== undefined && !mayHave(joint, taken)) return;",
    "void taken;",
  ]),
  mutant("a withdrawal leaves nothing behind", "src/objects/limit/actor.ts", [
    'if (lease === undefined) this.#core.remember("request", request_id, now);\n      else this.#core',
    "if (lease !== undefined) this.#core",
  ]),
  mutant("a level is not stored", "src/objects/limit/core.ts", [
    "this.store.writeLevel(level, now);",
    "void level;",
  ]),
  mutant("a level begins anew with each grant", "src/objects/limit/core.ts", [
    "decayedLevel(config, now) + draft.slots;",
    "0 * decayedLevel(config, now) + draft.slots;",
  ]),
  mutant("what is reserved beside a level is not counted", "src/objects/limit/core.ts", [
    "decayedSlots(config, now) + occupied : occupied;",
    "decayedSlots(config, now) : occupied;",
  ]),
  mutant("nobody looks when a level has fallen", "src/objects/limit/line.ts", [
    'if (action === "block" && doesDecay(config) && waiter.slots + occupied <= config.limit) {',
    'if (action === "block" && doesDecay(config) && waiter.slots < 0) {',
  ]),
  mutant(
    "a line is looked at again and again although time changes nothing",
    "src/objects/limit/line.ts",
    ["waiter.slots + occupied <= config.limit", "waiter.slots <= config.limit"],
    [
      "if (at > now) state.next_at = Math.min(state.next_at, at);",
      "state.next_at = Math.min(state.next_at, fitsAt(config, waiter.slots, now, 0), at);",
    ],
  ),
  mutant("a task run gets slots as often as it asks", "src/objects/limit/acquire.ts", [
    "if (command.is_once_per_holder === true && command.holder) {",
    "if (command.is_once_per_holder === true && command.holder && command.slots < 0) {",
  ]),
  mutant("the end of a task run gives nothing back", "src/objects/limit/actor.ts", [
    'this.#core.takeAway(lease, now, "holder");\n      this.#advance();',
    "void [lease, now];\n      this.#advance();",
  ]),
  mutant("what is reserved is given back without a word to its home", "src/objects/limit/actor.ts", [
    'if (lease?.kind === "member" || lease?.kind === "reserved") this.#core.onShareTaken',
    'if (lease?.kind === "member") this.#core.onShareTaken',
  ]),
  mutant("slots that are counted down stay taken", "src/objects/limit/settings.ts", [
    'if (lease.slots <= left) this.#core.endLease(lease, now, "holder");',
    "if (lease.slots <= left) void now;",
  ]),
  mutant("a call of the next release is refused for good", "src/objects/shared/actor.ts", [
    'refuse("unavailable", "This version of the call is not known here; try again shortly."),',
    'refuse("not_found", "This version of the call is not known here; try again shortly."),',
  ]),
  mutantOf(
    "a word that the release before says is not known any more",
    ["src/objects/limit/joint-members.ts", ['(key), "undo_reservation"', '(key), "undo_share"']],
    ["src/objects/limit/actor.ts", ["    undo_reservation: (", "    undo_share: ("]],
  ),
  ...POOL_MUTANTS,
];

const root = new URL("../../", import.meta.url);

/** The changed text of a file. Throws where the code has moved on and the mutant means nothing any more. */
export function applyChange({ file, edits }: Change, source: string): string {
  let text = source;
  for (const { find, replace } of edits) {
    if (text.split(find).length !== 2) throw new Error(`A mutant does not fit ${file} any more: ${find}`);
    text = text.replace(find, () => replace);
  }
  return text;
}

export function readChanged({ file }: Change): string {
  return readFileSync(new URL(file, root), "utf8");
}

/** From now on modules are loaded with the mutant's fault. Must run before any of them is imported. */
export function loadMutant(name: string): void {
  const found = MUTANTS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`No mutant is called "${name}".`);
  const sources = new Map(
    found.changes.map((change) => [
      new URL(change.file, root).href,
      applyChange(change, readChanged(change)),
    ]),
  );
  registerHooks({
    load: (asked, context, nextLoad) => {
      const source = sources.get(asked);
      return source === undefined
        ? nextLoad(asked, context)
        : { format: "module-typescript", source, shortCircuit: true };
    },
  });
}
