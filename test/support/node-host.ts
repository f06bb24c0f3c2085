/** Plays the platform for one object in plain Node: SQLite in memory, a clock and an alarm that the test moves. */
import { DatabaseSync } from "node:sqlite";
import type { Envelope, ObjectAddress } from "../../src/contract/envelope.ts";
import { refuse, type Result } from "../../src/contract/errors.ts";
import type { ObjectHost } from "../../src/objects/shared/host.ts";
import type { Sql, SqlValue } from "../../src/objects/shared/sql.ts";

type Statement = ReturnType<DatabaseSync["prepare"]>;

/** Statements outlive the instances of an object, which are many where it is evicted all the time. */
const preparedOf = new WeakMap<DatabaseSync, Map<string, Statement>>();

/** The `Sql` port over `node:sqlite`. */
export function createNodeSql(database: DatabaseSync): Sql {
  const prepared = preparedOf.get(database) ?? new Map<string, Statement>();
  preparedOf.set(database, prepared);
  return {
    all: <Row>(statement: string, ...bindings: SqlValue[]) => {
      const ready = prepared.get(statement) ?? database.prepare(statement);
      prepared.set(statement, ready);
      return ready.all(...bindings) as Row[];
    },
  };
}

export interface NodeHostOptions {
  address: ObjectAddress;
  clock: { now: number };
  call?: (envelope: Envelope) => Promise<Result<unknown>>;
  database?: DatabaseSync;
  expiry_floor?: number;
  clock_stepped_at?: number;
  /** Late alarms are the test's own play unless it says that they mean lost time, as on the platform. */
  has_lost_time?: boolean;
  randomUint?: (bits: number) => number;
}

export interface NodeHost extends ObjectHost {
  /** The alarm that is set, null when there is none. */
  alarm_at: number | null;
  readonly database: DatabaseSync;
  readonly events: Record<string, unknown>[];
  /** Resolves when nothing that was put in the background is left. */
  settle(): Promise<void>;
}

/** Makes a host whose time only moves when `clock.now` is set. */
export function createNodeHost(options: NodeHostOptions): NodeHost {
  const database = options.database ?? new DatabaseSync(":memory:");
  const tasks = new Set<Promise<unknown>>();
  let seed = 1;
  const host: NodeHost = {
    address: options.address,
    sql: createNodeSql(database),
    database,
    events: [],
    alarm_at: null,
    expiry_floor: options.expiry_floor ?? 0,
    clock_stepped_at: options.clock_stepped_at ?? 0,
    noteLostTime: (now) => {
      if (options.has_lost_time === true) Object.assign(host, { expiry_floor: now + 30_000 });
    },
    transaction: (body) => {
      database.exec("BEGIN");
      try {
        const value = body();
        database.exec("COMMIT");
        return value;
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    },
    now: () => options.clock.now,
    randomUint:
      options.randomUint ??
      ((bits) => {
        // A linear congruential generator is enough to tell ids apart and gives the same ones in every run.
        seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
        return seed % 2 ** Math.min(bits, 31);
      }),
    sync: () => Promise.resolve(),
    setAlarm: (at) => {
      host.alarm_at = at;
    },
    readAlarm: () => Promise.resolve(host.alarm_at),
    deleteAll: () => {
      const tables = host.sql.all<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'");
      for (const { name } of tables) database.exec(`DROP TABLE "${name}"`);
      host.alarm_at = null;
      return Promise.resolve();
    },
    call: options.call ?? (() => Promise.resolve(refuse("unavailable"))),
    background: (task) => {
      tasks.add(task);
      void task.finally(() => tasks.delete(task));
    },
    log: (event) => {
      host.events.push(event);
    },
    settle: async () => {
      do {
        await Promise.all(tasks);
        // What a finished turn still has to begin, begins within this pass of the event loop.
        await new Promise((resolve) => setImmediate(resolve));
      } while (tasks.size > 0);
    },
  };
  return host;
}
