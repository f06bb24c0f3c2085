/** What sees to it that a command does not outlive its wrapper: nobody would renew its lease, nor stop it in time. */
import { spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { ProcessSet } from "../../../worker-agent/processes.ts";

/**
 * So long at most something is left of a time that is not waited for any more: the shell that waits hears of it when its
 * nap ends, and has seen the nap's end itself, which the first process of a container may never do.
 */
const NAP_SECONDS = 5;

/**
 * A shell waits, because it is small; only a pipe that ends before the line `done`, or that says nothing new within the
 * time that it named, makes it the program that acts, with what the command has become as its last arguments.
 */
const WAIT = `told= timer=
stop() { [ -z "$timer" ] || kill "$timer" 2>/dev/null; timer=; }
while read -r line; do
  case $line in
    done) stop; exit ;;
    'within '*)
      stop
      (
        trap exit TERM
        left=\${line#within }
        while [ "$left" -gt ${NAP_SECONDS} ]; do sleep ${NAP_SECONDS}; left=$((left - ${NAP_SECONDS})); done
        sleep "$left"
        exec "$@" $told
      ) & timer=$! ;;
    *) told=$line ;;
  esac
done
stop
exec "$@" $told`;

/** What changes the end of a lease by less is no renewal. */
const PROLONGED_MS_LEAST = 500;

export interface Guard {
  /** Tells what the command has become. Until then it is known by its mark only (Linux). */
  tell(processes: Pick<ProcessSet, "pid" | "pgid">): void;
  /** Unless it is told so again within these seconds, the command ends: this process may be frozen. */
  prolong(seconds: number): void;
  /** The command has ended, or never began. */
  dismiss(): void;
}

/**
 * Guards the command that is started next, with this `NAME=value` in its environment: should this process end without
 * dismissing its guard, be it by KILL, all that the command has started gets TERM, and KILL after the grace. A command
 * that is just being started holds the pipe, too, until it can be found.
 */
export function startGuard(mark: string, graceMs: number): Guard {
  // The file beside this one, in the language that this one is in.
  const file = import.meta.url.endsWith(".ts") ? "./orphan-process.ts" : "./orphan-process.js";
  const args = [fileURLToPath(new URL(file, import.meta.url)), mark, String(graceMs)];
  const guard = spawn("/bin/sh", ["-c", WAIT, "sluice-guard", process.execPath, ...args], {
    cwd: "/",
    // Signals to the wrapper's group, and a terminal that closes, are not for it.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  // Without a guard the command still runs as it should, for as long as its wrapper lives.
  guard.on("error", () => undefined);
  guard.unref();
  // Missing where this process may open no more files.
  const pipe: Writable | undefined = guard.stdin;
  pipe?.on("error", () => undefined);
  let toldMs = 0;
  return {
    tell: ({ pid, pgid }) => void pipe?.write(`${pid} ${pgid ?? ""}\n`),
    prolong: (seconds) => {
      const endMs = performance.now() + seconds * 1000;
      if (Math.abs(endMs - toldMs) < PROLONGED_MS_LEAST) return;
      toldMs = endMs;
      pipe?.write(`within ${Math.max(0, Math.ceil(seconds))}\n`);
    },
    dismiss: () => void pipe?.end("done\n"),
  };
}
