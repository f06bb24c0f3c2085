/** What the commands about single schedules share. */
import { writeCommand } from "../../../../contract/commands.ts";
import type { DeploymentSchedule } from "../../../../contract/wire/schedules.ts";
import type { Cli } from "../../../framework/cli.ts";
import { CommandError, UsageError } from "../../../framework/errors.ts";
import { readShortId } from "../../../output/ids.ts";
import { readDeployment } from "../../../records/deployments.ts";

/** How a schedule is named on the command line. */
export const SCHEDULE_HELP = "Id of the schedule, the beginning of it, or its slug";

interface Choice {
  name: string;
  id: string | undefined;
  all: boolean;
}

/** Finds the deployment and those of its schedules that are meant. */
export async function chooseSchedules(
  cli: Cli,
  { name, id, all }: Choice,
): Promise<{ deploymentId: string; schedules: DeploymentSchedule[] }> {
  if ((id === undefined) !== all) throw new UsageError("Name one SCHEDULE, or say --all.");
  const deployment = await readDeployment(await cli.api(), name);
  const schedules = deployment.schedules.filter(
    (schedule) => all || schedule.id.startsWith(readShortId(id ?? "") ?? " ") || schedule.slug === id,
  );
  if (schedules.length === 0)
    throw new CommandError(
      all
        ? `${name} has no schedules.`
        : `${name} has no schedule ${id ?? ""}; \`${writeCommand("deployment", "schedule", "ls", name)}\` shows those it has.`,
    );
  if (!all && schedules.length > 1)
    throw new CommandError(
      `${schedules.length} schedules of ${name} are called ${id ?? ""}; name one by its id: ${schedules.map((one) => one.id).join(", ")}.`,
    );
  return { deploymentId: deployment.id, schedules };
}

/** Pauses or resumes schedules. */
export async function switchSchedules(cli: Cli, choice: Choice & { isActive: boolean }): Promise<void> {
  const { deploymentId, schedules } = await chooseSchedules(cli, choice);
  const api = await cli.api();
  for (const { id } of schedules)
    await api.deployments.updateSchedule(deploymentId, id, { active: choice.isActive });
  await cli.showDone(
    `${choice.isActive ? "Resumed" : "Paused"} ${schedules.length === 1 ? "one schedule" : `${schedules.length} schedules`} of ${choice.name}.`,
    async () => (await readDeployment(api, choice.name)).schedules,
  );
}
