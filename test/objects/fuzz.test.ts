import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { createRandom, Generator, kindOf, listOperations, type OpenApi } from "./support/fuzz.ts";

/** `VITE_FUZZ_SEED=… vitest run test/objects/fuzz.test.ts` repeats a search, `VITE_FUZZ_ROUNDS=…` makes it longer. */
const settings = import.meta as unknown as { env?: Record<string, string | undefined> };
const SEED = Number(settings.env?.["VITE_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const ROUNDS = Number(settings.env?.["VITE_FUZZ_ROUNDS"] ?? 12);
/** What a search has to find is made anew after so many rounds. */
const ROUNDS_PER_WORLD = 4;
/** An answer that takes longer than this hangs. */
const ANSWER_MS_MAX = 10_000;

interface Failure {
  request: string;
  answer: string;
}

async function judge(
  method: string,
  url: string,
  body: string | Uint8Array | undefined,
  headers: Record<string, string>,
) {
  const timeout = AbortSignal.timeout(ANSWER_MS_MAX);
  const answered = exports.default.fetch(
    new Request(`http://sluice.test${url}`, {
      method,
      headers,
      ...(body !== undefined && { body }),
    }),
  );
  const hangs = new Promise<"hangs">((resolve) => {
    timeout.addEventListener("abort", () => resolve("hangs"), { once: true });
  });
  const response = await Promise.race([answered, hangs]);
  if (response === "hangs") return { fault: "no answer", json: undefined };
  if (response.webSocket !== null) {
    response.webSocket.accept();
    response.webSocket.close();
    return { fault: undefined, json: undefined };
  }
  const text = await response.text();
  let json: unknown;
  try {
    json = text === "" ? undefined : JSON.parse(text);
  } catch {
    json = undefined;
  }
  // Nothing is away in this test: a 503 here is an exception in disguise.
  if (response.status >= 500) return { fault: `${response.status} ${text}`, json };
  const hasShape =
    typeof json === "object" && json !== null && ("detail" in json || "exception_message" in json);
  if (response.status >= 400 && !hasShape)
    return { fault: `an error without detail: ${response.status} ${text}`, json };
  return { fault: undefined, json };
}

/** Makes one of each thing, so that the search has something to find. */
async function makeWorld(generator: Generator, world: number): Promise<void> {
  const post = async (path: string, kind: string, body: object): Promise<{ id?: string }> => {
    const response = await exports.default.fetch(
      new Request(`http://sluice.test/api${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    );
    expect(response.status, `POST ${path}: ${await response.clone().text()}`).toBeLessThan(300);
    const made = await response.json<{ id?: string }>();
    generator.learn(made, kind);
    return made;
  };
  await post("/v2/concurrency_limits/", "concurrency_limit", { name: `alpha-${world}`, limit: 3 });
  await post("/variables/", "variable", { name: `alpha-${world}`, value: 1 });
  const type = await post("/block_types/", "block_type", { name: `alpha-${world}`, slug: `alpha-${world}` });
  const fields = { title: `Alpha${world}`, secret_fields: ["alpha"] };
  const schema = await post("/block_schemas/", "block_schema", { block_type_id: type.id, fields });
  const block = { block_type_id: type.id, block_schema_id: schema.id, data: { alpha: "a" } };
  await post("/block_documents/", "block_document", { ...block, name: `alpha-${world}` });
  const pool = `alpha-${world}`;
  await post("/work_pools/", "work_pool", { name: pool, type: "process" });
  await post(`/work_pools/${pool}/queues`, "work_queue", { name: "beta" });
  const flow = await post("/flows/", "flow", { name: `alpha-${world}` });
  const deployment = await post("/deployments/", "deployment", {
    name: `beta-${world}`,
    flow_id: flow.id,
    work_pool_name: pool,
  });
  await post(`/deployments/${deployment.id}/schedules`, "schedule", [{ schedule: { interval: 3600 } }]);
  for (let run = 0; run < 3; run += 1)
    await post(`/deployments/${deployment.id}/create_flow_run`, "flow_run", {});
  await post("/flow_runs/", "flow_run", { flow_id: flow.id });
  await post("/artifacts/", "artifact", { key: `alpha-${world}`, data: [{ alpha: 1 }] });
  const session_id = crypto.randomUUID();
  await post(`/work_pools/${pool}/workers/session`, "session", { name: "gamma", session_id });
  const attempt_ids = [crypto.randomUUID(), crypto.randomUUID()];
  await post(`/work_pools/${pool}/claim`, "claim", { worker_name: "gamma", session_id, attempt_ids });
}

test("no input makes the API fail", async () => {
  const document = await (await exports.default.fetch("http://sluice.test/api/openapi.json")).json<OpenApi>();
  const operations = listOperations(document);
  expect(operations.length).toBeGreaterThan(30);
  const generator = new Generator(document, createRandom(SEED));
  const failures = new Map<string, Failure>();
  for (let round = 0; round < ROUNDS; round += 1) {
    if (round % ROUNDS_PER_WORLD === 0) await makeWorld(generator, round);
    for (const operation of operations) {
      // Deleting comes last, or nothing else would find anything.
      const isDeleting = operation.method === "DELETE" || operation.path.includes("delete");
      if (isDeleting && round % ROUNDS_PER_WORLD !== ROUNDS_PER_WORLD - 1) continue;
      const { url, body } = generator.request(operation);
      const headers = generator.headers();
      const { fault, json } = await judge(operation.method, url, body, headers);
      generator.learn(json, kindOf(operation));
      if (fault !== undefined)
        failures.set(`${operation.method} ${operation.path} ${fault.slice(0, 60)}`, {
          request: `${operation.method} ${url.slice(0, 300)} ${typeof body === "string" ? body.slice(0, 600) : String(body)} ${JSON.stringify(headers).slice(0, 300)}`,
          answer: fault.slice(0, 300),
        });
    }
  }
  expect([...failures.values()], `seed ${SEED}, ${ROUNDS} rounds`).toEqual([]);
}, 120_000);

test("no route's path makes the API fail", async () => {
  const segments = [
    "%00",
    "%ED%A0%80",
    "%",
    "..%2f..",
    "%2e%2e",
    "//",
    "a".repeat(8000),
    ";",
    "?",
    "#",
    "%F0%9F%98%80",
  ];
  for (const segment of segments)
    for (const prefix of ["/api/", "/api/flows/", "/api/work_pools/", "/api/flow_runs/", "/", "/api"])
      for (const method of ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"]) {
        const { status } = await exports.default.fetch(
          new Request(`http://sluice.test${prefix}${segment}`, { method }),
        );
        expect(status, `${method} ${prefix}${segment}`).toBeLessThan(500);
      }
});
