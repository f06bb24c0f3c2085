/** What the commands about single schedules share. */
import type { DeploymentSchedule } from "../../../../contract/wire/schedules.ts";
import type { Cli } from "../../../framework/cli.ts";
import { CommandError, UsageError } from "../../../framework/errors.ts";
import { readDeployment } from "../../../records/deployments.ts";

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
  if ((id === undefined) !== all) throw new UsageError("Name one SCHEDULE_ID, or say --all.");
  const deployment = await readDeployment(await cli.api(), name);
  const schedules = deployment.schedules.filter((schedule) => all || schedule.id === id);
  if (schedules.length === 0)
    throw new CommandError(
      all
        ? `${name} has no schedules.`
        : `${name} has no schedule ${id ?? ""}; \`sluice deployment schedule ls ${name}\` shows those it has.`,
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
