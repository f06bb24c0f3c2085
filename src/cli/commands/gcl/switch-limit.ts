/** What `gcl enable` and `gcl disable` share. */
import type { Cli } from "../../framework/cli.ts";
import { CommandError } from "../../framework/errors.ts";
import { readLimit } from "../../records/limits.ts";

/** Makes a limit active or inactive; already being so is an error, as in Prefect's command (source: wire §3.1). */
export async function switchLimit(cli: Cli, name: string, isActive: boolean): Promise<void> {
  const api = await cli.api();
  const limit = await readLimit(api, name);
  const word = isActive ? "enabled" : "disabled";
  if (limit.active === isActive) throw new CommandError(`The concurrency limit ${name} is ${word} already.`);
  await api.limits.update(name, { active: isActive });
  await cli.showDone(`The concurrency limit ${name} is ${word} now.`, () => api.limits.read(name));
}
