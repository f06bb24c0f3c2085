/** `sluice deployment schedule create` */
import { defineCommand } from "../../../framework/command.ts";
import { UsageError } from "../../../framework/errors.ts";
import { argument, flag, option, parseText } from "../../../framework/parameters.ts";
import {
  parseDeploymentRef,
  parseInstantText,
  parseJsonObject,
  parseSeconds,
} from "../../../framework/values.ts";
import { buildSchedule, formatSchedule, readDeployment } from "../../../records/deployments.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "FLOW/DEPLOYMENT, or an id", parseDeploymentRef, { completes: "deployments" }),
    cron: option("--cron <text>", "Five fields: minute, hour, day, month, day of the week", parseText),
    dayOr: flag("--day-and", "With both days given in --cron, both must match, instead of either"),
    interval: option("--interval <time>", "Every so often, such as 90s or 1h30m", parseSeconds),
    anchor: option("--anchor-date <time>", "The interval is counted from here", parseInstantText),
    rrule: option("--rrule <text>", "A rule of RFC 5545", parseText),
    timezone: option("--timezone <zone>", "Time zone, such as Europe/Berlin (default UTC)", parseText),
    inactive: flag("--inactive", "Create it paused"),
    replace: flag("--replace", "Take away the deployment's other schedules"),
    parameters: option("--params <json>", "Parameters of its runs, as a JSON object", parseJsonObject),
    slug: option("--slug <text>", "Name for this schedule", parseText),
  },
  examples: [
    'sluice deployment schedule create nightly/report --cron "0 3 * * *" --timezone Europe/Berlin',
    "sluice deployment schedule create poll/feed --interval 15m --replace",
  ],
  async run(values, cli) {
    const schedule = buildSchedule(values);
    if (schedule === undefined)
      throw new UsageError("sluice deployment schedule create wants one of --cron, --interval and --rrule.");
    const api = await cli.api();
    const deployment = await readDeployment(api, values.name);
    const created = await api.deployments.createSchedules(deployment.id, [
      {
        schedule: "cron" in schedule && values.dayOr ? { ...schedule, day_or: false } : schedule,
        active: !values.inactive,
        ...(values.parameters !== undefined && { parameters: values.parameters }),
        ...(values.slug !== undefined && { slug: values.slug }),
      },
    ]);
    if (values.replace)
      for (const { id } of deployment.schedules) await api.deployments.deleteSchedule(deployment.id, id);
    const [first] = created;
    await cli.show(
      created,
      () =>
        `Created the schedule ${first === undefined ? "" : `${formatSchedule(first.schedule)} (${first.id}) `}of ${values.name}.`,
    );
  },
});
