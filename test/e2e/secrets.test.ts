/** Secrets in blocks lie on the disk sealed, and outlive a restart and a change of the key. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startTestServer } from "../support/server.ts";

const SECRET = "correct-horse-battery-staple";

async function send(url: string, method: string, path: string, body?: unknown) {
  const response = await fetch(`${url}/api${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return (await response.json()) as { id: string; data: Record<string, unknown>; detail: string };
}

test("a secret is nowhere on the disk, and can be read after the key has changed", async () => {
  const server = await startTestServer();
  onTestFinished(() => server.stop());
  const { id: block_type_id } = await send(server.url, "POST", "/block_types/", { name: "T", slug: "t" });
  const { id: block_schema_id } = await send(server.url, "POST", "/block_schemas/", {
    block_type_id,
    fields: { secret_fields: ["value"] },
  });
  const save = (url: string, name: string) =>
    send(url, "POST", "/block_documents/", { name, block_type_id, block_schema_id, data: { value: SECRET } });
  const read = (url: string, name: string) =>
    send(url, "GET", `/block_types/slug/t/block_documents/name/${name}?include_secrets=true`);
  await save(server.url, "first");

  expect(statSync(join(server.dataDir, "secrets.key")).mode & 0o777).toBe(0o600);
  const files = readdirSync(server.dataDir, { recursive: true, withFileTypes: true }).filter((file) =>
    file.isFile(),
  );
  const holding = files.filter((file) => readFileSync(join(file.parentPath, file.name)).includes(SECRET));
  expect(files.length).toBeGreaterThan(3);
  expect(holding).toEqual([]);

  await server.restart();
  expect((await read(server.url, "first")).data["value"]).toBe(SECRET);
  await server.kill9();
  const env = { SLUICE_SECRETS_KEY: "another key that the operator chose" };
  const own = await startTestServer({ dataDir: server.dataDir, env });
  onTestFinished(() => own.stop());
  expect((await read(own.url, "first")).data["value"]).toBe(SECRET);
  await save(own.url, "second");
  await own.stop();
  await server.restart();
  expect((await read(server.url, "first")).data["value"]).toBe(SECRET);
  expect((await read(server.url, "second")).detail).toMatch(/SLUICE_SECRETS_OLD_KEYS/);
});
