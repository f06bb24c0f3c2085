/** `sluice exec` */
import { constants } from "node:os";
import { concurrency, ConcurrencyTimeoutError, LimitMissingError, type Lease } from "../../client/index.ts";
import { LEASE_SECONDS_DEFAULT, LEASE_SECONDS_LEAST, LEASE_SECONDS_MAX } from "../../contract/bounds.ts";
import { stopSecondsMax } from "../../contract/margins.ts";
import type { Waiting } from "../../contract/wire/limits.ts";
import { defineCommand } from "../framework/command.ts";
import { CommandError, UsageError } from "../framework/errors.ts";
import { option, parseText, repeatedOption, restArguments } from "../framework/parameters.ts";
import { parseName, parseSeconds, wholeNumber } from "../framework/values.ts";
import { runChild } from "../exec/child.ts";

/** As timeout(1) says it. */
const EXIT_TIMED_OUT = 124;
/** `EX_TEMPFAIL` of sysexits.h: the command was stopped because its slot is no longer its own. */
const EXIT_LEASE_LOST = 75;
const GRACE_SECONDS = 5;
const LEASE_VARIABLE = "SLUICE_LEASE_ID";
/** Until CMD starts these end the waiting; while CMD runs they are CMD's. */
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

export const command = defineCommand({
  description: `Waits in line for slots of a limit, runs CMD, and gives the slots back when it ends. CMD finds its grant in SLUICE_LEASE_ID, SLUICE_FENCE, SLUICE_SLOTS and, where slots have names, SLUICE_SLOT_NAMES. Signals and the exit code are passed on (128 + n where a signal ended CMD). When the lease is lost CMD and all that it has started get TERM, then KILL, and the exit code is ${EXIT_LEASE_LOST}. No turn within --timeout: ${EXIT_TIMED_OUT}.`,
  parameters: {
    limits: repeatedOption(
      "--limit <name>",
      "Limit to take slots of; several are taken together",
      parseName,
      {
        completes: "limits",
      },
    ),
    occupy: option("--occupy <n>", "Slots to take (default 1)", wholeNumber({ min: 1 })),
    timeout: option("--timeout <time>", "Give up waiting after this long", parseSeconds),
    lease: option(
      "--lease <time>",
      "Slots stay taken this long when this machine dies (default 5m)",
      parseSeconds,
    ),
    priority: option(
      "--priority <n>",
      "Lower numbers go first (default 0)",
      wholeNumber({ min: -1000, max: 1000 }),
    ),
    grace: option("--grace <time>", "From TERM to KILL when the lease is lost (default 5s)", parseSeconds),
    words: restArguments("CMD", "The command and its arguments", parseText),
  },
  examples: [
    "sluice exec --limit gpu:gpu-1 -- python train.py",
    "sluice exec --limit licence --limit gpu:gpu-1 --timeout 10m -- make simulation",
  ],
  async run({ limits, occupy, timeout, lease: leaseSeconds, priority, grace, words }, cli) {
    if (limits.length === 0)
      throw new UsageError("sluice exec wants --limit, the limit whose slot the command needs.");
    if (words.length === 0) throw new UsageError("sluice exec wants a command after --.");
    if (
      leaseSeconds !== undefined &&
      (leaseSeconds < LEASE_SECONDS_LEAST || leaseSeconds > LEASE_SECONDS_MAX)
    )
      throw new UsageError(`--lease may be ${LEASE_SECONDS_LEAST}s to 1d.`);
    const stopSeconds = grace ?? GRACE_SECONDS;
    const longest = stopSecondsMax(leaseSeconds ?? LEASE_SECONDS_DEFAULT);
    if (stopSeconds > longest)
      throw new UsageError(
        `--grace may be ${longest}s at most with such a lease; a longer --lease lets it be longer.`,
      );
    const client = await cli.api();
    const ended = new AbortController();
    let endedBy: NodeJS.Signals | undefined;
    const onSignal = (signal: NodeJS.Signals) => {
      endedBy ??= signal;
      ended.abort();
    };
    for (const signal of ENDING_SIGNALS) process.on(signal, onSignal);
    // Not between the grant and CMD's start: a moment without a handler is one in which a signal ends this process alone.
    const stopHearing = () => {
      for (const signal of ENDING_SIGNALS) process.off(signal, onSignal);
    };
    const say = sayPlace((line) => cli.note(line));
    let lease: Lease;
    try {
      lease = await concurrency(limits, {
        client,
        occupy,
        timeoutSeconds: timeout,
        leaseSeconds,
        stopSeconds,
        priority,
        note: words.join(" ").slice(0, 255),
        // A wrapper that limits nothing because of a typing mistake is worse than one that refuses.
        strict: true,
        signal: ended.signal,
        onWaiting: say,
      });
    } catch (error) {
      stopHearing();
      if (endedBy !== undefined) return 128 + constants.signals[endedBy];
      if (error instanceof ConcurrencyTimeoutError) throw new CommandError(error.message, EXIT_TIMED_OUT);
      if (error instanceof LimitMissingError) throw new CommandError(error.message);
      throw error;
    }
    try {
      if (endedBy !== undefined) return 128 + constants.signals[endedBy];
      const code = await runChild(words, {
        env: { ...process.env, ...describeGrant(lease, occupy ?? 1) },
        mark: `${LEASE_VARIABLE}=${lease.id}`,
        stop: lease.signal,
        graceMs: stopSeconds * 1000,
        leftSeconds: () => lease.leftSeconds,
      });
      if (!lease.isLost) return code;
      cli.note(lease.signal.reason instanceof Error ? lease.signal.reason.message : "The lease was lost.");
      return EXIT_LEASE_LOST;
    } finally {
      stopHearing();
      await lease.release();
    }
  },
});

/** What the command may know of its grant. */
function describeGrant(lease: Lease, slots: number): Record<string, string> {
  return {
    [LEASE_VARIABLE]: lease.id,
    SLUICE_SLOTS: String(slots),
    ...(lease.fence !== null && { SLUICE_FENCE: String(lease.fence) }),
    ...(lease.slotNames.length > 0 && { SLUICE_SLOT_NAMES: lease.slotNames.join(",") }),
  };
}

/** Says what is waited for, again only when the place in line changes. */
function sayPlace(note: (line: string) => void): (waiting: Waiting) => void {
  let said = "";
  return ({ blocking_limit, position, reason }) => {
    // Of one of several limits the place in line is not known here.
    const place =
      reason === "other_limit"
        ? ""
        : position === null
          ? ": far back in line"
          : `: place ${position} in line`;
    const line = `Waiting for ${blocking_limit}${reason === "disabled" ? ", which is disabled" : place}.`;
    if (line !== said) note(line);
    said = line;
  };
}
