/**
 * The platform of Durable Objects, played: each object is one instance at a time over its storage. What a turn wrote is
 * there when its commit succeeds, and gone with the instance when it fails; no message leaves before that. An instance
 * may be thrown away whenever it is idle, and may die at any time.
 */
import { DatabaseSync } from "node:sqlite";
import {
  ENVELOPE_VERSION,
  formatAddress,
  type Envelope,
  type ObjectAddress,
} from "../../src/contract/envelope.ts";
import { refuse, type Result } from "../../src/contract/errors.ts";
import type { ObjectHost } from "../../src/objects/shared/host.ts";
import { createNodeHost } from "../support/node-host.ts";
import { type Code, TODAY } from "./code.ts";
import type { Network } from "./network.ts";
import { OutboxWatch } from "./outbox-watch.ts";
import type { Random } from "./random.ts";
import { RestWatch } from "./rest-watch.ts";
import type { World } from "./world.ts";

/** What the platform needs of an actor. */
export interface SimActor {
  start(): Promise<void>;
  execute(envelope: Envelope): Promise<Result<unknown>>;
  alarm(): Promise<void>;
}

/** What one life of an object has beyond its host. */
export interface Instance<Actor extends SimActor = SimActor> {
  readonly actor: Actor;
  isDead: boolean;
  /** It has the code of the release before, for as long as it lives. */
  readonly isOld: boolean;
  readonly started: Promise<void>;
  /** How to tell each open call that the instance is gone. */
  readonly open: Set<() => void>;
  readonly timers: Set<() => void>;
}

/** What an actor may use of its platform; it forgets all of it when it dies. */
export interface InstanceTools {
  after(ms: number, body: () => void): () => void;
  /** Runs `body` once everything written so far is durable; never when that fails. */
  whenDurable(body: () => void): void;
}

export interface ObjectMakers<Actor extends SimActor> {
  make(host: ObjectHost, tools: InstanceTools, code: Code): Actor;
  /** A call has reached the object, from whomever. */
  onCall?(envelope: Envelope): void;
  /** Its answer has left the object. */
  onAnswer?(envelope: Envelope, result: Result<unknown>): void;
  /** Looks at what is stored after each commit. */
  onCommit(): void;
  /** Told when the instance died and took its connections with it. */
  onDeath?(): void;
}

/** A commit that is waited for. */
interface Commit {
  readonly done: Promise<void>;
  resolve(): void;
  readonly told: (() => void)[];
}

const COMMIT_MS = [0, 4] as const;
const ALARM_RETRY_MS = 2000;
/** Objects take the code of the next release over so long a time, while some of their callers have it. */
const DEPLOY_MS = [1000, 300_000] as const;

export class SimObject<Actor extends SimActor = SimActor> {
  readonly address: ObjectAddress;
  readonly name: string;
  readonly database = new DatabaseSync(":memory:");
  /** The alarm that is stored for good; null when there is none. */
  alarm_at: number | null = null;
  instance: Instance<Actor> | undefined;
  /** Nothing is in flight: no commit and no alarm. */
  isSettled = true;
  readonly #world: World;
  readonly #network: Network;
  readonly #find: (address: ObjectAddress) => SimObject | undefined;
  readonly #makers: ObjectMakers<Actor>;
  readonly #random;
  readonly #outbox: OutboxWatch;
  readonly #rest: RestWatch;
  /** `undefined` as long as the turn has not moved the alarm. */
  #alarmMoved: number | undefined;
  #commit: Commit | undefined;
  #cancelAlarm: () => void = () => {};
  #isRinging = false;
  /** Until then it has the code of the release before. */
  #oldUntil = 0;
  /** Until then some of its callers have the code of the release after its own, be that today's or the one before. */
  #hearsNextUntil = 0;
  /** How many instances have ended. */
  #lives = 0;

  constructor(
    world: World,
    network: Network,
    address: ObjectAddress,
    name: string,
    find: (address: ObjectAddress) => SimObject | undefined,
    makers: ObjectMakers<Actor>,
  ) {
    [this.#world, this.#network, this.#find, this.#makers] = [world, network, find, makers];
    [this.address, this.name] = [address, name];
    this.#random = world.random(`object ${name}`);
    this.#outbox = new OutboxWatch(world, this);
    this.#rest = new RestWatch(world, name);
    const birth = world.faults.strike("born_old");
    if (birth !== undefined) this.#beginDeploy(birth);
  }

  /** Carries a call into the object. Resolves when the answer may leave it, or when it dies. */
  async deliver(envelope: Envelope): Promise<Result<unknown>> {
    if (this.#world.clock.isAway) return refuse("unavailable", "The server is away.");
    const deploy = this.#world.faults.strike("deploy");
    if (deploy !== undefined) this.#beginDeploy(deploy);
    // Not every caller has the same release's code: one may speak in a way that only the next one knows.
    if (this.#hearsNext && this.#random.chance(0.1))
      return this.#deliver({ ...envelope, v: ENVELOPE_VERSION + 1 });
    return this.#deliver(envelope);
  }

  /** It has the code of the release before. */
  get isOld(): boolean {
    return this.#world.now < this.#oldUntil && !this.#world.faults.isOver;
  }

  get #hearsNext(): boolean {
    return this.#world.now < this.#hearsNextUntil && !this.#world.faults.isOver;
  }

  /** It goes back to the code of the release before, and after a while forward to today's. Each time it is reset. */
  #beginDeploy(random: Random): void {
    const old_ms = random.magnitude(...DEPLOY_MS);
    this.#world.say(this.name, `has the code before for ${Math.round(old_ms)} ms`);
    this.#oldUntil = this.#world.now + old_ms;
    this.#hearsNextUntil = this.#oldUntil + old_ms;
    this.crash("another release's code");
    this.#world.timeline.after(old_ms, () => this.crash("today's code"));
  }

  async #deliver(envelope: Envelope): Promise<Result<unknown>> {
    const instance = this.wake();
    await instance.started;
    this.#rest.noteCall();
    this.#makers.onCall?.(envelope);
    return new Promise((resolve) => {
      const lost = () => resolve(refuse("unavailable", "The object was reset."));
      if (instance.isDead) {
        lost();
        return;
      }
      instance.open.add(lost);
      void instance.actor.execute(envelope).then((result) =>
        this.#whenDurable(instance, () => {
          instance.open.delete(lost);
          this.#makers.onAnswer?.(envelope, result);
          resolve(result);
        }),
      );
    });
  }

  /** The instance that lives now; a call or an alarm brings one into being. */
  wake(): Instance<Actor> {
    if (this.instance !== undefined) return this.instance;
    const tools: InstanceTools = {
      after: (ms, body) => {
        const cancel = this.#world.timeline.after(ms, () => {
          instance.timers.delete(cancel);
          if (!instance.isOld) this.#rest.noteWake();
          body();
        });
        instance.timers.add(cancel);
        return () => {
          cancel();
          instance.timers.delete(cancel);
        };
      },
      whenDurable: (body) => this.#whenDurable(instance, body),
    };
    const { isOld } = this;
    const actor = this.#makers.make(
      this.#makeHost(() => instance),
      tools,
      (isOld ? this.#world.release_before : undefined) ?? TODAY,
    );
    const instance: Instance<Actor> = {
      actor,
      isDead: false,
      isOld,
      started: actor.start(),
      open: new Set(),
      timers: new Set(),
    };
    this.instance = instance;
    return instance;
  }

  /** Throws the instance away if nobody would notice; its connections stay. */
  evict(): void {
    if (this.instance === undefined || this.#commit !== undefined || this.#isRinging) return;
    if (this.instance.open.size > 0) return;
    this.#world.say(this.name, "evicted");
    this.#end();
  }

  /** The instance dies: what is not committed is gone, and everybody connected notices. */
  crash(why: string): void {
    if (this.instance === undefined) return;
    this.#world.say(this.name, `died: ${why}`);
    if (this.#commit !== undefined) this.database.exec("ROLLBACK");
    this.#commit = undefined;
    this.#alarmMoved = undefined;
    const open = [...this.instance.open];
    this.#end();
    for (const lost of open) lost();
    this.#makers.onDeath?.();
    // The platform repeats an alarm whose handler did not come to its end.
    if (this.#isRinging) {
      this.#isRinging = false;
      this.#storeAlarm(this.#world.clock.now + ALARM_RETRY_MS);
    }
    this.isSettled = true;
  }

  /** The server is there again, and looks when the alarm was to ring. */
  resume(): void {
    if (this.alarm_at !== null) this.#storeAlarm(this.alarm_at);
  }

  #end(): void {
    if (this.instance === undefined) return;
    this.instance.isDead = true;
    this.#lives += 1;
    for (const cancel of this.instance.timers) cancel();
    this.instance = undefined;
  }

  #whenDurable(instance: Instance, body: () => void): void {
    const say = () => {
      if (!instance.isDead) body();
    };
    if (this.#commit === undefined) say();
    else this.#commit.told.push(say);
  }

  #makeHost(self: () => Instance): ObjectHost {
    const { clock } = this.#world;
    const life = this.#lives;
    const host = createNodeHost({
      address: this.address,
      clock,
      expiry_floor: clock.expiry_floor,
      clock_stepped_at: clock.stepped_at,
      database: this.database,
      has_lost_time: true,
      randomUint: (bits) => this.#random.uint(bits),
      call: (envelope) =>
        new Promise((resolve) => {
          this.#outbox.note(envelope);
          this.#whenDurable(self(), () => {
            const target = this.#find(envelope.address);
            const answered =
              target === undefined
                ? Promise.resolve(refuse("unavailable"))
                : this.#network.callObject(this.name, target.name, envelope.operation, () =>
                    target.deliver(envelope),
                  );
            void answered.then((result) => (self().isDead ? undefined : resolve(result)));
          });
        }),
    });
    return Object.assign(host, {
      transaction: <Value>(body: () => Value): Value => {
        if (life !== this.#lives) throw new Error("An instance writes that is dead.");
        this.#begin();
        this.database.exec("SAVEPOINT operation");
        try {
          const value = body();
          this.database.exec("RELEASE operation");
          return value;
        } catch (error) {
          this.database.exec("ROLLBACK TO operation; RELEASE operation");
          throw error;
        }
      },
      sync: (): Promise<void> => this.#commit?.done ?? Promise.resolve(),
      setAlarm: (at: number) => {
        if (self().isDead) return;
        if (this.#commit === undefined) this.#storeAlarm(at);
        else this.#alarmMoved = at;
      },
      readAlarm: () => Promise.resolve(this.alarm_at),
      background: (task: Promise<unknown>) => {
        task.catch((error: unknown) => this.#world.fail("no throw", `${this.name}: ${String(error)}`));
      },
      log: (event: Record<string, unknown>) => {
        this.#world.say(this.name, JSON.stringify(event));
        // What never arrives is found at the end, when everything must be at rest.
        if (event["event"] === "effect_stuck") return;
        const { invariant } = event;
        this.#world.fail(
          typeof invariant === "string" ? invariant : "no trouble",
          `${this.name} logged`,
          event,
        );
      },
    });
  }

  /** The first operation of a turn begins what its commit ends. */
  #begin(): void {
    if (this.#commit !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const commit: Commit = { done: promise, resolve, told: [] };
    this.#commit = commit;
    this.isSettled = false;
    this.database.exec("BEGIN");
    this.#world.timeline.after(this.#random.int(...COMMIT_MS), () => {
      if (this.#commit === commit) this.#endTurn(commit);
    });
  }

  #endTurn(commit: Commit): void {
    const { faults } = this.#world;
    if (faults.strike("commit") !== undefined) {
      this.crash("its commit failed");
      return;
    }
    this.database.exec("COMMIT");
    this.#commit = undefined;
    if (this.#alarmMoved !== undefined) this.#storeAlarm(this.#alarmMoved);
    this.#alarmMoved = undefined;
    this.isSettled = !this.#isRinging;
    this.#makers.onCommit();
    for (const tell of commit.told) tell();
    // Whoever died goes on with nothing.
    if (faults.strike("crash") !== undefined) this.crash("after its commit");
    else commit.resolve();
    const eviction = faults.strike("evict");
    if (eviction !== undefined) this.#world.timeline.after(eviction.magnitude(1, 10_000), () => this.evict());
  }

  #storeAlarm(at: number): void {
    const { faults, timeline } = this.#world;
    this.alarm_at = at;
    this.#cancelAlarm();
    const rings_at = this.#world.clock.trueOf(at);
    const late = faults.strike("alarm_late")?.magnitude(10, 120_000) ?? 0;
    this.#cancelAlarm = timeline.at(rings_at + late, () => this.#ring());
    const early = faults.strike("alarm_early");
    const { now } = this.#world;
    if (early !== undefined && rings_at > now)
      timeline.at(now + early.next() * (rings_at - now), () => this.#ring());
  }

  #ring(): void {
    if (this.alarm_at === null || this.#world.clock.isAway) return;
    if (this.#isRinging) {
      // The platform runs one handler at a time; the next alarm follows it.
      this.#cancelAlarm = this.#world.timeline.after(COMMIT_MS[1], () => this.#ring());
      return;
    }
    this.#world.say(this.name, "alarm");
    if (this.instance?.isOld !== true) this.#rest.noteWake();
    this.#cancelAlarm();
    this.alarm_at = null;
    this.#isRinging = true;
    this.isSettled = false;
    const instance = this.wake();
    const ring = async () => {
      await instance.started;
      if (instance.isDead) return;
      await instance.actor.alarm();
      this.#whenDurable(instance, () => {
        this.#isRinging = false;
        this.isSettled = this.#commit === undefined;
      });
    };
    this.#world.spawn(this.name, async () => {
      await ring();
      if (this.#world.faults.strike("alarm_double") !== undefined && !instance.isDead)
        await instance.actor.alarm();
    });
  }
}

/** The platform's name of an object, as a key. */
export function nameOf(address: ObjectAddress): string {
  return formatAddress(address);
}
