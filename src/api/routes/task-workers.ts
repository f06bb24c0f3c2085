/** `/task_workers`: the processes that serve background tasks, while their sockets are open. */
import { z } from "zod";
import { addressOfHub } from "../../contract/envelope.ts";
import { InstantOut } from "../../contract/wire/common.ts";
import { call, factory } from "../context.ts";
import { describeResource } from "../describe.ts";
import { body } from "../validation.ts";

const describe = describeResource("Task runs");
const Filter = z.object({
  task_worker_filter: z.strictObject({ task_keys: z.array(z.string()).max(1000) }).nullish(),
});
const TaskWorker = z.object({
  identifier: z.string(),
  task_keys: z.array(z.string()),
  timestamp: InstantOut,
});

export const taskWorkers = factory
  .createApp()
  .post(
    "/filter",
    describe("List the processes that serve background tasks", 200, z.array(TaskWorker)),
    body(Filter),
    async (c) => {
      const task_keys = c.req.valid("json").task_worker_filter?.task_keys ?? null;
      return c.json(await call(c, addressOfHub(c.get("workspace")), "list_task_workers", { task_keys }));
    },
  );
