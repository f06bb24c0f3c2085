/** What the events of runs, pools and queues name of the catalog. */
import { accept } from "../../contract/errors.ts";
import type { NamedDeployment } from "../../domain/events/state-event.ts";
import type { Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import type { EventNameOperations } from "./event-name-operations.ts";

const DEPLOYMENTS_NAMED_MAX = 1000;

/** The operations by which events get their names. */
export function handleEventNames({ sql }: ObjectHost): Handlers<EventNameOperations> {
  return {
    name_related: ({ ids }) =>
      accept(
        sql
          .all<{ id: string; name: string; tags: string }>(
            `SELECT id, name, tags FROM flow WHERE id IN (SELECT value FROM json_each(?1))
             UNION ALL SELECT id, name, tags FROM deployment WHERE id IN (SELECT value FROM json_each(?1))`,
            JSON.stringify(ids),
          )
          .map(({ id, name, tags }) => ({ id, name, tags: JSON.parse(tags) as string[] })),
      ),
    name_deployments: (of) => {
      const [column, values] = "ids" in of ? ["id", of.ids] : ["work_queue_id", [of.work_queue_id]];
      return accept(
        sql.all<NamedDeployment>(
          `SELECT d.id, d.name, d.flow_id, f.name AS flow_name, d.work_queue_id, d.work_queue_name
             FROM deployment d JOIN flow f ON f.id = d.flow_id
             WHERE d.${column} IN (SELECT value FROM json_each(?)) LIMIT ?`,
          JSON.stringify(values),
          DEPLOYMENTS_NAMED_MAX,
        ),
      );
    },
  };
}
