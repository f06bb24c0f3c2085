/** `sluice gcl update` */
import { defineCommand } from "../../framework/command.ts";
import { UsageError } from "../../framework/errors.ts";
import { argument, flag, option, parseText, repeatedOption } from "../../framework/parameters.ts";
import { parseDecimal, parseName, wholeNumber } from "../../framework/values.ts";
import { orMissingLimit } from "../../records/limits.ts";

export const command = defineCommand({
  description:
    "Raising a limit hands the new slots to the waiters at once; lowering it takes nothing from anybody who holds one.",
  parameters: {
    name: argument("NAME", "Name or id of the limit", parseText, { completes: "limits" }),
    limit: option("-l, --limit <n>", "How many slots there are", wholeNumber()),
    activeSlots: option("--active-slots <n>", "Slots that count as taken without a lease", wholeNumber()),
    decay: option("--slot-decay-per-second <n>", "Slots that free themselves each second", parseDecimal),
    slotNames: repeatedOption("--slot-name <name>", "Name of one slot; all are given anew", parseName),
    bypass: option(
      "--bypass-max <n>",
      "How many waiters may pass one that is too large",
      wholeNumber({ max: 1000 }),
    ),
    enable: flag("--enable", "Make it active"),
    disable: flag("--disable", "Make it inactive: it limits nothing"),
  },
  examples: ["sluice gcl update gpu:gpu-1 --limit 4", "sluice gcl update openai --slot-decay-per-second 0.5"],
  async run({ name, limit, activeSlots, decay, slotNames, bypass, enable, disable }, cli) {
    if (enable && disable) throw new UsageError("--enable and --disable exclude each other.");
    const changes = {
      ...(limit !== undefined && { limit }),
      ...(activeSlots !== undefined && { active_slots: activeSlots }),
      ...(decay !== undefined && { slot_decay_per_second: decay }),
      ...(slotNames.length > 0 && { slot_names: slotNames, limit: limit ?? slotNames.length }),
      ...(bypass !== undefined && { bypass_max: bypass }),
      ...((enable || disable) && { active: enable }),
    };
    if (Object.keys(changes).length === 0)
      throw new UsageError("sluice gcl update wants something to change; see `sluice gcl update --help`.");
    const api = await cli.api();
    await orMissingLimit(api, name, api.limits.update(name, changes));
    await cli.showDone(`Updated the concurrency limit ${name}.`, () => api.limits.read(name));
  },
});
