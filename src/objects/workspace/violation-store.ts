/** SQL and turns of the promises that did not hold: what the objects of the workspace have reported. */
import { accept } from "../../contract/errors.ts";
import type { Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import type { ViolationOperations, ViolationRecord } from "./operations.ts";

const COLUMNS = "object, invariant, operation, message, count, first_at, at";
/** More objects than this with a broken promise tell no more. */
const VIOLATIONS_MAX = 1000;

export function handleViolations({ sql }: ObjectHost): Handlers<ViolationOperations> {
  return {
    note_violation: ({ object, invariant, operation, message, count, at }) => {
      sql.all(
        `INSERT INTO violation (${COLUMNS}) SELECT ?, ?, ?, ?, ?, ?, ?
           WHERE (SELECT count(*) FROM violation) < ? OR EXISTS (SELECT 1 FROM violation WHERE object = ? AND invariant = ?)
           ON CONFLICT DO UPDATE SET operation = excluded.operation, message = excluded.message,
             count = count + excluded.count, at = excluded.at
             WHERE excluded.at > at`,
        object,
        invariant,
        operation,
        message,
        count,
        at,
        at,
        VIOLATIONS_MAX,
        object,
        invariant,
      );
      return accept(null);
    },
    list_violations: ({ limit }) =>
      accept(
        sql.all<ViolationRecord>(
          `SELECT ${COLUMNS} FROM violation ORDER BY at DESC, object, invariant LIMIT ?`,
          limit,
        ),
      ),
  };
}
