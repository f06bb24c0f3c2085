/** A real browser whose clock is off. */
import { expect, test } from "vitest";
import { open } from "./browser.ts";
import { shown, useStage } from "./stage.ts";

const MINUTES_MS = 10 * 60_000;

const stage = useStage();

test.each([-1, 1])(
  "a browser whose clock is off, by %i times ten minutes, counts by the server's",
  async (sign) => {
    const at = Date.now();
    const name = `shift:${sign}`;
    await stage.ask("POST", "/v2/concurrency_limits/", { name, limit: 2 });
    await stage.ask("POST", "/v2/concurrency_limits/acquire", { names: [name], request_id: "one" });
    await stage.ask("POST", "/v2/concurrency_limits/acquire", { names: [name], request_id: "two" });
    const page = await open(`${stage.url}/?find=${encodeURIComponent(name)}`, {
      hears: (opened) =>
        opened.addInitScript((ms) => {
          const Real = Date;
          globalThis.Date = class extends Real {
            constructor(...values: []) {
              if (values.length === 0) super(Real.now() + ms);
              else super(...values);
            }
            static override now() {
              return Real.now() + ms;
            }
          } as DateConstructor;
        }, sign * MINUTES_MS),
    });
    const since = page.locator(`[data-limit="${name}"] .cell .since`).first();
    await shown(() => since.textContent()).toMatch(/^\d+ s$/);
    expect(await page.evaluate(() => Date.now())).toSatisfy(
      (now: number) => Math.abs(now - Date.now() - sign * MINUTES_MS) < 10_000,
    );
    // It goes on, and never says more than can be.
    await shown(async () => Number.parseInt((await since.textContent()) ?? "", 10)).toBeGreaterThan(1);
    expect(Number.parseInt((await since.textContent()) ?? "", 10)).toBeLessThanOrEqual(
      (Date.now() - at) / 1000 + 3,
    );
  },
);
