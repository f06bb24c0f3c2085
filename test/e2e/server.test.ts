import { expect, test } from "vitest";
import { startTestServer } from "../support/server.ts";

test("answers /api/health once it says that it is ready", async () => {
  await using server = await startTestServer();
  const response = await fetch(`${server.url}/api/health`);
  expect(response.status).toBe(200);
  expect(await response.json()).toBe(true);
});
