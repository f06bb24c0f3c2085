/** A terminal, or none, for commands that run inside a test. */
import { PassThrough, Writable } from "node:stream";
import type { System } from "../../../src/cli/framework/cli.ts";

export interface TestSystem extends System {
  /** What was written so far. */
  out: () => string;
  err: () => string;
}

/** Makes a system with a fixed clock; `columns` makes it a terminal of that width. */
export function makeSystem(
  options: { env?: Record<string, string>; columns?: number; now?: number } = {},
): TestSystem {
  const texts = { out: "", err: "" };
  const sink = (key: "out" | "err"): Writable =>
    new Writable({
      write(chunk, _encoding, done) {
        texts[key] += String(chunk);
        done();
      },
    });
  const terminal = options.columns === undefined ? {} : { isTTY: true, columns: options.columns };
  return {
    env: { SLUICE_PROFILES_PATH: "/nonexistent/profiles.json", ...options.env },
    stdin: new PassThrough(),
    stdout: Object.assign(sink("out"), terminal),
    stderr: sink("err"),
    now: () => options.now ?? Date.parse("2026-11-22T12:00:00Z"),
    out: () => texts.out,
    err: () => texts.err,
  };
}
