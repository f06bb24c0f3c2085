import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";

test("the Worker answers its health without a key being needed", async () => {
  const response = await exports.default.fetch("http://sluice.test/api/health");
  expect(response.status).toBe(200);
  expect(await response.json()).toBe(true);
});
