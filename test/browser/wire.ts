/** The way from a browser to its server, which is lost without a word to either, and on which a reply can stop within. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface Stop {
  goOn(): void;
  breakOff(): void;
}

export interface Wire extends AsyncDisposable {
  /** What the browser takes for the server's. */
  readonly host: string;
  /** The server's port; set once it is known. */
  target: number;
  /** Nothing passes any more, on no connection. */
  lose(): void;
  /** New connections pass; nothing does ever again on those that are there. */
  find(): void;
  /** The next reply with this text in it, behind those that others wait for, stops before it. */
  stopAt(text: string): Promise<Stop>;
  /** Nothing is stopped any more: what a test has waited for in vain is not the next one's. */
  forget(): void;
}

export async function layWire(): Promise<Wire> {
  let isLost = false;
  const awaited: { text: string; stop: (stop: Stop) => void }[] = [];
  const ends = new Set<Socket>();
  const lost = new WeakSet<Socket>();
  const server = createServer((near) => {
    const far = connect(wire.target, "127.0.0.1");
    if (isLost) lost.add(near);
    near.on("data", (piece) => {
      if (!lost.has(near)) far.write(piece);
    });
    far.on("data", (piece: Buffer) => {
      if (lost.has(near)) return;
      const [next] = awaited;
      const at = next === undefined ? -1 : piece.indexOf(next.text);
      if (next === undefined || at === -1) return void near.write(piece);
      awaited.shift();
      near.write(piece.subarray(0, at));
      far.pause();
      next.stop({
        goOn: () => {
          // The next stop may be in the rest of it.
          far.unshift(piece.subarray(at));
          far.resume();
        },
        breakOff: () => near.destroy(),
      });
    });
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(end);
      end.on("error", () => end.destroy());
      end.on("close", () => {
        ends.delete(end);
        if (!lost.has(near)) other.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const wire: Wire = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    target: 0,
    lose: () => {
      isLost = true;
      for (const end of ends) lost.add(end);
    },
    find: () => {
      isLost = false;
    },
    stopAt: (text) =>
      new Promise((stop) => {
        awaited.push({ text, stop });
      }),
    forget: () => void awaited.splice(0),
    [Symbol.asyncDispose]: async () => {
      for (const end of ends) end.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return wire;
}
