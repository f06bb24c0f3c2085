/** When schedules would fire, also those that are not active: told before somebody turns one on. Ours; Prefect has no such answer. */
import { z } from "zod";
import { formatMicros } from "../../contract/instants.ts";
import { Id, InstantOut } from "../../contract/wire/common.ts";
import { nextDates } from "../../domain/schedule/schedule.ts";
import { readDeployment } from "../complete-deployments.ts";
import { factory } from "../context.ts";
import { describeResource } from "../describe.ts";
import { query, uuidParam } from "../validation.ts";

const describe = describeResource("Deployments");
/** What fires less often than this is not looked for. */
const AHEAD_MICROS = 10 * 365 * 86_400_000_000;
const TIMES_MAX = 20;
const TIMES_DEFAULT = 3;

const TimesQuery = z.object({ limit: z.coerce.number().int().min(1).max(TIMES_MAX).default(TIMES_DEFAULT) });
const ScheduleTimes = z.object({ schedule_id: Id, times: z.array(InstantOut) });

export const scheduleTimes = factory
  .createApp()
  .get(
    "/:id/schedules/next_times",
    describe(
      "List when each schedule of a deployment fires next, or would if it were active",
      200,
      z.array(ScheduleTimes),
    ),
    query(TimesQuery),
    async (c) => {
      const { limit } = c.req.valid("query");
      const { deployment } = await readDeployment(c, { id: uuidParam(c, "id") });
      const now = Date.now() * 1000;
      return c.json(
        deployment.schedules.map(({ id, schedule }) => ({
          schedule_id: id,
          times: nextDates(schedule, now, limit, now + AHEAD_MICROS).map(formatMicros),
        })),
      );
    },
  );
