/** A way to the server that can break as networks do: nothing of it is HTTP. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Which way nothing passes: to the server, back from it, or neither. Nobody is told. */
export type Silence = "requests" | "replies" | "both";

export interface Cable extends AsyncDisposable {
  readonly port: number;
  /** The server's port; set once it is known. */
  target: number;
  /** Holds each piece back for so long. */
  delayMs: number;
  /** Swallows what comes from now on, on connections that are there and on new ones. */
  cut(silence: Silence): void;
  /** Closes all connections with a reset. */
  reset(): void;
  /** Lets everything pass again; connections that were cut are closed, for what they swallowed is gone. */
  heal(): void;
}

/** Lays a cable from a free port of this machine. */
export async function layCable(): Promise<Cable> {
  let silence: Silence | undefined;
  const ends = new Set<Socket>();
  const pass = (from: Socket, to: Socket, isSilent: () => boolean) => {
    let before = Promise.resolve();
    const deliver = async (chunk: Buffer, earlier: Promise<void>, delayMs: number) => {
      await earlier;
      if (delayMs > 0) await sleep(delayMs);
      if (!to.destroyed) to.write(chunk);
    };
    from.on("data", (chunk: Buffer) => {
      if (!isSilent()) before = deliver(chunk, before, cable.delayMs);
    });
    from.on("error", () => to.destroy());
    from.on("close", () => {
      ends.delete(from);
      if (silence === undefined) void before.then(() => to.destroy());
    });
    ends.add(from);
  };
  const server = createServer((near) => {
    const far = connect(cable.target, "127.0.0.1");
    pass(near, far, () => silence === "requests" || silence === "both");
    pass(far, near, () => silence === "replies" || silence === "both");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const reset = () => {
    for (const end of ends) end.resetAndDestroy();
  };
  const cable: Cable = {
    port: (server.address() as AddressInfo).port,
    target: 0,
    delayMs: 0,
    cut: (way) => {
      silence = way;
    },
    reset,
    heal: () => {
      const wasCut = silence !== undefined;
      silence = undefined;
      cable.delayMs = 0;
      if (wasCut) reset();
    },
    [Symbol.asyncDispose]: async () => {
      reset();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return cable;
}
