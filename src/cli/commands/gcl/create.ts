/** `sluice gcl create` */
import { writeCommand } from "../../../contract/commands.ts";
import { rephrase } from "../../api.ts";
import { defineCommand } from "../../framework/command.ts";
import { UsageError } from "../../framework/errors.ts";
import { argument, flag, option, repeatedOption } from "../../framework/parameters.ts";
import { parseDecimal, parseName, wholeNumber } from "../../framework/values.ts";

export const command = defineCommand({
  parameters: {
    name: argument("NAME", "Name of the limit", parseName),
    limit: option("-l, --limit <n>", "How many slots there are", wholeNumber()),
    slotNames: repeatedOption("--slot-name <name>", "Name of one slot, such as a GPU's id", parseName),
    disable: flag("--disable", "Create it inactive: it limits nothing until it is enabled"),
    activeSlots: option("--active-slots <n>", "Slots that count as taken at first", wholeNumber()),
    decay: option(
      "--slot-decay-per-second <n>",
      "Slots that free themselves each second, for rate limits",
      parseDecimal,
    ),
    bypass: option(
      "--bypass-max <n>",
      "How many waiters may pass one that is too large for what is free",
      wholeNumber({ max: 1000 }),
    ),
  },
  examples: [
    "sluice gcl create gpu:gpu-1 --limit 2",
    "sluice gcl create gpu:gpu-1 --slot-name GPU-5f3c --slot-name GPU-81aa",
    "sluice gcl create openai --limit 60 --slot-decay-per-second 1",
  ],
  async run({ name, limit, slotNames, disable, activeSlots, decay, bypass }, cli) {
    const count = limit ?? (slotNames.length > 0 ? slotNames.length : undefined);
    if (count === undefined)
      throw new UsageError("sluice gcl create wants --limit, or the slots by --slot-name.");
    if (slotNames.length > 0 && count !== slotNames.length)
      throw new UsageError(
        `--limit says ${count}, but ${slotNames.length === 1 ? "1 slot is" : `${slotNames.length} slots are`} named.`,
      );
    const api = await cli.api();
    const created = await rephrase(
      api.limits.create({
        name,
        limit: count,
        active: !disable,
        active_slots: activeSlots ?? 0,
        slot_decay_per_second: decay ?? 0,
        ...(slotNames.length > 0 && { slot_names: slotNames }),
        ...(bypass !== undefined && { bypass_max: bypass }),
      }),
      409,
      ({ message }) =>
        /exist|taken|integrity|already/i.test(message)
          ? `A concurrency limit named ${name} exists already; change it with \`${writeCommand("gcl", "update", name)}\`.`
          : message,
    );
    await cli.show(
      created,
      () => `Created the concurrency limit ${name} with ${count} slot${count === 1 ? "" : "s"}.`,
    );
  },
});
