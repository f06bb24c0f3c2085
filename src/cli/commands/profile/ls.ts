/** `sluice profile ls` */
import { locateProfiles, readProfiles } from "../../config/profiles.ts";
import { defineCommand } from "../../framework/command.ts";

export const command = defineCommand({
  parameters: {},
  examples: ["sluice profile ls"],
  async run(_values, cli) {
    const { active, profiles } = await readProfiles(locateProfiles(cli.env));
    const rows = Object.entries(profiles).map(([name, settings]) => ({
      name,
      is_active: name === active,
      api_url: settings.SLUICE_API_URL ?? null,
    }));
    await cli.showTable(
      rows,
      [
        { title: "Name", value: ({ name }) => name },
        { title: "In use", value: ({ is_active }) => (is_active ? "yes" : "no") },
        { title: "API", value: ({ api_url }) => api_url },
      ],
      "No profiles yet; create one with `sluice profile create NAME`.",
    );
  },
});
