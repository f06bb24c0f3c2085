/** What the platform bills of an object's storage, counted by the platform itself. */
import { runInDurableObject } from "cloudflare:test";

export interface Rows {
  read: number;
  /** Rows of tables and of their indexes; an alarm that is set is a row, too. */
  written: number;
}

/** Counts the rows that an object reads and writes from now on. Each call of what is returned begins anew. */
export function countRows(stub: DurableObjectStub): Promise<() => Rows> {
  return runInDurableObject(stub, (_, { storage }) => countRowsOf(storage));
}

/** The same, from inside of the object. */
export function countRowsOf(storage: DurableObjectStorage): () => Rows {
  const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  let alarms = 0;
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  Object.defineProperty(sql, "exec", {
    value: (statement: string, ...bindings: unknown[]) => {
      const cursor = exec(statement, ...bindings);
      cursors.push(cursor);
      return cursor;
    },
  });
  const setAlarm = storage.setAlarm.bind(storage);
  Object.defineProperty(storage, "setAlarm", {
    value: (at: number) => {
      alarms += 1;
      return setAlarm(at);
    },
  });
  return () => {
    const all = cursors.splice(0);
    const rows = {
      read: all.reduce((sum, { rowsRead }) => sum + rowsRead, 0),
      written: all.reduce((sum, { rowsWritten }) => sum + rowsWritten, alarms),
    };
    alarms = 0;
    return rows;
  };
}
