import { addressOfKey, ENVELOPE_VERSION } from "../../contract/envelope.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant, instantToMs, type Instant } from "../../contract/instants.ts";
import type { Event, EventFilter, EventPlace, ReceivedEvent } from "../../contract/wire/events.ts";
import { countEvents, findCountFault } from "../../domain/events/count-events.ts";
import { matchesEvent } from "../../domain/events/filter-events.ts";
import { Actor, type Effect, type Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { migrations } from "./migrations.ts";
import type { HubOperations } from "./operations.ts";
import { EventRouting } from "./routing.ts";
import { EventStore } from "./store.ts";
import { TaskQueue, type TaskWorker } from "./task-queue.ts";

/** Who hears live events, in whatever way the platform reaches them. */
export interface Listener {
  readonly filter: EventFilter;
  send(event: ReceivedEvent): void;
}

/** The sockets, as the actor sees them. */
export interface HubPlatform {
  listeners(): Iterable<Listener>;
  /** The sockets of processes that run background tasks. */
  taskWorkers(): Iterable<TaskWorker>;
  /** Ends the sockets on which events come in: what they sent last was not stored, and their clients send it again. */
  refuseSenders(): void;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Prefect's default (source: its setting `server.events.retention_period`). */
const RETENTION_MS = 7 * DAY_MS;
/** What pools say of their runs is stored for this long after somebody has read events. */
const INTEREST_MS = RETENTION_MS;
/** A listener gets what occurred in the last minutes, however far back its filter goes (source: wire §2.9). */
const REPLAY_MS = 15 * 60_000;
/** Events that one replay sends; the latest of more. */
const REPLAY_MAX = 10_000;
/** A background task that no process has come for is forgotten after this long. */
const TASK_WAIT_MS = 30 * DAY_MS;
/** Events of sockets that may wait for a commit; more are refused. */
const INBOX_MAX = 20_000;
const INBOX_CHARACTERS_MAX = 16_000_000;
/** Events that one question looks at. */
const SCAN_MAX = 50_000;
const DELETED_PER_SWEEP_MAX = 2000;
/** What is stored at most, in characters; the oldest hours go first. An object holds 10 GB. */
const STORED_CHARACTERS_MAX = 4_000_000_000;
/** What is noted of the volume at once, so that small batches cost no row more. */
const VOLUME_STEP_CHARACTERS = 64 * 1024;

/**
 * The events of a workspace: stored before they count, each id once, replayed and passed on to who listens.
 *
 * What is atomic: all events that came while the commit before was in flight. The alarm deletes what is older than a
 * week.
 */
export class HubActor extends Actor<HubOperations> {
  protected readonly creating: ReadonlySet<string> = new Set([
    "write_events",
    "note_events",
    "filter_events",
    "count_events",
    "enqueue_task",
    "open",
  ]);
  protected readonly handlers: Handlers<HubOperations> = {
    write_events: ({ events }) => {
      this.#inboxCharacters = 0;
      this.#write([...events, ...this.#inbox.splice(0)].filter((event) => !this.#routing.askLimit(event)));
      return accept(null);
    },
    note_events: ({ events, from }) => {
      const is_wanted = this.#store.interestedUntil() > this.host.now();
      // Also where they are wanted now: when nobody has listened for long, the next one must be told to this pool.
      if (from !== null) this.#store.addSource(from);
      if (is_wanted) this.#write(events);
      return accept({ is_wanted });
    },
    filter_events: ({ filter, limit, after }) => {
      this.#takeInterest();
      return accept(this.#filter(filter, limit, after));
    },
    count_events: ({ filter, count }) => {
      this.#takeInterest();
      const input = { ...count, now: formatInstant(this.host.now()) };
      const fault = findCountFault(input);
      if (fault !== undefined) return refuse("invalid", fault);
      return accept(countEvents(this.#scan(filter, "ASC", null), input));
    },
    enqueue_task: ({ task_run }) => {
      this.#tasks.enqueue(task_run, this.host.now());
      void this.turn("dispatch tasks", () => this.#dispatch());
      return accept(null);
    },
    dequeue_task: ({ task_run_id }) => {
      this.#tasks.remove(task_run_id, this.host.now());
      return accept(null);
    },
    list_task_workers: ({ task_keys }) =>
      accept(
        [...this.#platform.taskWorkers()]
          .filter(({ keys }) => task_keys === null || keys.some((key) => task_keys.includes(key)))
          .map(({ client_id, keys, served_at }) => ({
            identifier: client_id,
            task_keys: [...keys],
            timestamp: formatInstant(served_at),
          })),
      ),
    open: () => {
      this.#takeInterest();
      return accept(null);
    },
  };
  readonly #store: EventStore;
  readonly #platform: HubPlatform;
  readonly #tasks: TaskQueue;
  readonly #routing: EventRouting;
  /** Events of sockets that wait for the next turn. */
  readonly #inbox: Event[] = [];
  #inboxCharacters = 0;
  /** Stored events that live listeners have not heard of yet. */
  #untold: ReceivedEvent[] = [];
  #unnotedCharacters = 0;
  #isOverfull = false;

  constructor(host: ObjectHost, platform: HubPlatform) {
    super(host, migrations);
    this.#store = new EventStore(host.sql);
    this.#platform = platform;
    this.#tasks = new TaskQueue(host.sql, () => platform.taskWorkers());
    this.#routing = new EventRouting(host, (...effect) => this.send(...effect));
  }

  /**
   * Takes an event, of so many characters, from a socket. All that come while a commit is in flight are stored by one operation. False: too many
   * wait already.
   */
  take(event: Event, characters: number): boolean {
    const isFull = this.#inboxCharacters + characters > INBOX_CHARACTERS_MAX;
    if (this.#inbox.length >= INBOX_MAX || (isFull && this.#inbox.length > 0)) return false;
    this.#inbox.push(event);
    this.#inboxCharacters += characters;
    if (this.#inbox.length === 1) void this.#emptyInbox();
    return true;
  }

  async #emptyInbox(): Promise<void> {
    const { ok } = await this.execute({
      v: ENVELOPE_VERSION,
      address: this.host.address,
      actor: "socket",
      request_id: "",
      operation: "write_events",
      command: { events: [] },
    });
    if (!ok) this.forget();
  }

  /**
   * Replays to a listener what it wants of the past; `join` must, without waiting, send it and put the listener among
   * those that {@link HubPlatform.listeners} names, so that it misses nothing and hears nothing twice.
   */
  async subscribe(
    filter: EventFilter,
    wantsReplay: boolean,
    join: (replay: readonly ReceivedEvent[]) => void,
  ): Promise<void> {
    await this.turn("subscribe", () => {
      join(wantsReplay ? this.#replay(filter) : []);
    });
  }

  /**
   * Looks for task runs for those who serve tasks: one of them has come, or gone, or has taken `task_run_id`, and is free
   * for the next once `free` has said so.
   */
  async serveTasks(task_run_id: string | null = null, free: () => void = () => {}): Promise<void> {
    if (task_run_id !== null) this.#tasks.hear(task_run_id);
    let isDone = false;
    await this.turn("serve tasks", () => {
      free();
      this.#dispatch();
      isDone = true;
    });
    if (task_run_id === null) return;
    if (isDone) this.#tasks.settle(task_run_id);
    else free();
  }

  #dispatch(): void {
    this.#tasks.dispatch(this.host.now());
    const due = this.#tasks.earliestDue();
    if (due !== undefined) this.wakeAt(due);
  }

  /** Somebody reads: pools that were told that nobody does hear of it. Written once a day. */
  #takeInterest(): void {
    const now = this.host.now();
    const until = this.#store.interestedUntil();
    if (until > now + INTEREST_MS - DAY_MS) return;
    this.#store.setInterestedUntil(now + INTEREST_MS);
    if (until > now) return;
    for (const key of this.#store.listSources()) {
      const pool = addressOfKey(this.host.address.workspace, "pool", key);
      this.send(pool, "events_wanted", `events-wanted-${now.toString(36)}`, {});
    }
  }

  #replay(filter: EventFilter): ReceivedEvent[] {
    const earliest = formatInstant(this.host.now() - REPLAY_MS);
    const asked = filter.occurred?.since ?? earliest;
    const since = asked > earliest ? asked : earliest;
    const untold = new Set(this.#untold.map(({ id }) => id));
    const replay: ReceivedEvent[] = [];
    const clamped = { ...filter, occurred: { ...filter.occurred, since } };
    for (const event of this.#scan(clamped, "DESC", null)) {
      if (!untold.has(event.id)) replay.push(event);
      if (replay.length === REPLAY_MAX) break;
    }
    return replay.toReversed();
  }

  #write(events: readonly Event[]): void {
    const received = formatInstant(this.host.now());
    const fresh: ReceivedEvent[] = [];
    for (const event of events) {
      const stored = { ...event, received };
      const { is_new, characters } = this.#store.write(stored);
      if (!is_new) continue;
      fresh.push(stored);
      this.#unnotedCharacters += characters;
    }
    if (fresh.length === 0) return;
    this.#routing.route(fresh);
    if (this.#unnotedCharacters >= VOLUME_STEP_CHARACTERS) {
      this.#store.addVolume(hourOf(received), this.#unnotedCharacters);
      this.#unnotedCharacters = 0;
      if (this.#countOverflow() > 0) this.#isOverfull = true;
    }
    const earliest = this.earliestDeadline();
    if (earliest !== undefined) this.wakeAt(earliest);
    if (this.#untold.length === 0) void this.turn("tell listeners", () => this.#tell());
    this.#untold.push(...fresh);
  }

  protected override settleEffect(effect: Effect, result: Result<unknown>): void {
    if (effect.operation === "tie_lease") this.#write([this.#routing.hearLimit(effect, result)]);
  }

  /** Told in a turn of its own: nobody hears of an event that is not durable. */
  #tell(): void {
    const events = this.#untold;
    this.#untold = [];
    for (const listener of this.#platform.listeners())
      for (const event of events) if (matchesEvent(listener.filter, event)) listener.send(event);
  }

  *#scan(filter: EventFilter, order: "ASC" | "DESC", after: EventPlace | null): Generator<ReceivedEvent> {
    const isDistinct = filter.resource?.distinct === true;
    const seen = new Set<string>();
    let looked = 0;
    for (const event of this.#store.list(filter, order, after)) {
      looked += 1;
      if (looked > SCAN_MAX) return;
      if (!matchesEvent(filter, event)) continue;
      const resource = event.resource["prefect.resource.id"] ?? "";
      if (isDistinct && seen.has(resource)) continue;
      if (isDistinct) seen.add(resource);
      yield event;
    }
  }

  #filter(
    filter: EventFilter,
    limit: number,
    after: EventPlace | null,
  ): HubOperations["filter_events"]["answer"] {
    const events: ReceivedEvent[] = [];
    let total = 0;
    let hasMore = false;
    for (const event of this.#scan(filter, filter.order ?? "DESC", after)) {
      total += 1;
      if (events.length < limit) events.push(event);
      else hasMore = true;
      if (hasMore && after !== null) break;
    }
    const last = events.at(-1);
    return { events, total, next: hasMore && last !== undefined ? [last.occurred, last.id] : null };
  }

  protected sweep(now: number): void {
    const cutoff = formatInstant(now - RETENTION_MS);
    this.#tasks.removeBefore(now - TASK_WAIT_MS);
    this.#tasks.dispatch(now);
    this.#store.deleteAhead(formatInstant(now + DAY_MS), cutoff);
    let from = cutoff;
    let overflow = this.#countOverflow();
    for (const { hour, characters } of this.#store.listVolumes()) {
      if (overflow <= 0) break;
      overflow -= characters;
      from = formatInstant(instantToMs(`${hour}:00:00.000000Z`) + HOUR_MS);
    }
    if (this.#store.deleteBefore(from, DELETED_PER_SWEEP_MAX)) return;
    this.#store.deleteVolumesBefore(hourOf(from));
    this.#isOverfull = false;
  }

  /** Characters that are stored above the bound. */
  #countOverflow(): number {
    const stored = this.#store.listVolumes().reduce((sum, { characters }) => sum + characters, 0);
    return stored - STORED_CHARACTERS_MAX;
  }

  /** Hours are enough: an event that stays a little longer hurts nobody. */
  protected earliestDeadline(): number | undefined {
    const task = this.#tasks.earliestDue();
    const earliest = this.#store.earliest();
    if (earliest === undefined) return task;
    if (this.#isOverfull) return this.host.now();
    const forgetting = Math.ceil((instantToMs(earliest) + RETENTION_MS) / HOUR_MS) * HOUR_MS;
    return Math.min(forgetting, task ?? forgetting);
  }

  protected override answerAbsent(operation: string): Result<never> {
    return operation === "list_task_workers" ? accept([] as never) : super.answerAbsent(operation);
  }

  protected override forget(): void {
    this.#inbox.length = 0;
    this.#inboxCharacters = 0;
    this.#untold = [];
    this.#platform.refuseSenders();
  }
}

/** The hour of an instant, as text that sorts. */
function hourOf(instant: Instant): string {
  return instant.slice(0, 13);
}
