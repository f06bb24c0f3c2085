/**
 * The keeper: a small POSIX shell between the supervisor and workerd. It exists for two things that Node cannot do:
 * hold a listening socket without accepting from it, and notice the supervisor's death even when that is a kill -9.
 *
 * Descriptors of the keeper: 0 commands (one line per start: the instants that the instance gets), 1 and 2 the log,
 * 3 the listening socket, 4 reports (`pid N`, then `exit CODE`).
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { createServer, type Server } from "node:net";
import type { Readable, Writable } from "node:stream";
import { ServerError } from "./errors.ts";
import { signalProcess } from "./signal-process.ts";

/**
 * The end of the commands is the supervisor's end; the keeper leads a process group of its own, so killing that group
 * reaches workerd and the subshell that waits for it, however far they got, and no terminal's Ctrl-C reaches it first.
 */
const SCRIPT = `
while read -r SLUICE_STARTED_AT SLUICE_CLOCK_STEPPED_AT; do
  export SLUICE_STARTED_AT SLUICE_CLOCK_STEPPED_AT
  ( "$@" </dev/null 4>&- & echo "pid $!" >&4; wait $!; echo "exit $?" >&4 ) &
done
kill -9 0
`;

/** The descriptor under which workerd finds the listening socket. */
export const SOCKET_FD = 3;

export interface KeeperEvents {
  /** An instance of workerd was started. */
  onPid: (pid: number) => void;
  /** An instance ended; codes above 128 are signals, as the shell tells them. */
  onExit: (code: number) => void;
  /** Output of workerd and of the Worker's `console`. */
  onOutput: (chunk: Buffer) => void;
  /** The keeper itself and everything below it are gone. */
  onGone: () => void;
}

export interface Keeper {
  readonly host: string;
  readonly port: number;
  /**
   * Starts an instance of workerd. The Worker learns `startedAt` as its start (0: there was none before it) and
   * `clockSteppedAt` as the last time that the clock was put forward (0: never), in epoch milliseconds.
   */
  start(startedAt: number, clockSteppedAt: number): void;
  /** Kills keeper and workerd at once; resolves when both are gone. */
  kill(): Promise<void>;
}

/**
 * Listens, hands the socket to a new keeper and lets go of it in the same tick, before the event loop could accept
 * from it. The socket stays open as long as the keeper lives.
 */
export async function openKeeper(
  listen: { host: string; port: number },
  command: readonly string[],
  envOf: (port: number) => Record<string, string>,
  events: KeeperEvents,
): Promise<Keeper> {
  const { child, address } = await new Promise<{ child: ChildProcess; address: { port: number } }>(
    (resolve, reject) => {
      const server = createServer();
      server.once("error", (error: NodeJS.ErrnoException) => reject(explainListen(error, listen)));
      server.listen({ ...listen, backlog: 511 }, () => {
        const address = server.address() as { port: number };
        const child = spawn("/bin/sh", ["-c", SCRIPT, "sluice-keeper", ...command], {
          detached: true,
          env: envOf(address.port),
          stdio: ["pipe", "pipe", "pipe", descriptorOf(server), "pipe"],
        });
        server.close();
        child.once("error", reject);
        child.once("spawn", () => resolve({ child, address }));
      });
    },
  );
  const commands = child.stdin as Writable;
  const closed = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  // The keeper may be gone before a command reaches it; onGone tells.
  commands.on("error", () => {});
  child.stdout?.on("data", events.onOutput);
  child.stderr?.on("data", events.onOutput);
  createInterface({ input: child.stdio[4] as Readable }).on("line", (line) => {
    const [what, number] = line.split(" ");
    if (what === "pid") events.onPid(Number(number));
    else if (what === "exit") events.onExit(Number(number));
  });
  // Someone may kill the keeper alone: what is left of its group must not run on unattended.
  child.once("exit", () => killGroup(child.pid));
  void closed.then(events.onGone);
  return {
    host: listen.host,
    port: address.port,
    start: (startedAt, clockSteppedAt) => void commands.write(`${startedAt} ${clockSteppedAt}\n`),
    kill: () => {
      killGroup(child.pid);
      return closed;
    },
  };
}

/** Node has no public name for this number on a server, but has had this one since its first versions. */
function descriptorOf(server: Server): number {
  const { _handle: handle } = server as unknown as { _handle?: { fd?: number } };
  if (handle?.fd === undefined || handle.fd < 0) throw new Error("This Node hides the socket's descriptor.");
  return handle.fd;
}

function killGroup(leader: number | undefined): void {
  if (leader !== undefined) signalProcess(-leader, "SIGKILL");
}

function explainListen(error: NodeJS.ErrnoException, { host, port }: { host: string; port: number }): Error {
  if (error.code === "EADDRINUSE") {
    return new ServerError(
      `Port ${port} of ${host} is taken by another program; stop that one or choose another with --port (0 takes any free one).`,
    );
  }
  if (error.code === "EACCES") {
    return new ServerError(`This user may not listen on port ${port}; choose one above 1023 with --port.`);
  }
  if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND") {
    return new ServerError(
      `${host} is no address of this machine; choose one of its own with --host (127.0.0.1 is for this machine only).`,
    );
  }
  return error;
}
