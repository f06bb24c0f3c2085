/** Health, version, settings, the default storage of results; most of these routes wake no object. */
import { z } from "zod";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import { Id, InstantOut, JsonObject } from "../../contract/wire/common.ts";
import { formatInstant } from "../../contract/instants.ts";
import { call, factory, type ApiContext } from "../context.ts";
import { describe } from "../documents.ts";
import { body, query } from "../validation.ts";

/** The newest release of Prefect whose clients are checked against this server. */
const PREFECT_VERSION = "3.9.1";
/** The version of the REST API, another thing than the package's (source: wire §1). */
export const API_VERSION = "0.8.4";
const CSRF_TOKEN_DAYS = 365;
const DAY_MS = 86_400_000;

const CsrfToken = z.object({ token: z.string(), client: z.string(), expiration: InstantOut });
const Storage = z.object({ default_result_storage_block_id: z.uuid().nullable() });
const tag = "Admin";

/**
 * The release that a client is told. Prefect's clients warn in every process when the server's is older than their own,
 * though what they must agree on is the version of the API, which they send along: one that speaks ours hears its own.
 */
function findSpokenRelease(c: ApiContext): string {
  const [, own, api] =
    /^prefect\/(3\.\d+\.\d+)\S* \(API ([\d.]+)\)/u.exec(c.req.header("user-agent") ?? "") ?? [];
  return own !== undefined && api === API_VERSION && isNewer(own, PREFECT_VERSION) ? own : PREFECT_VERSION;
}

function isNewer(left: string, right: string): boolean {
  return left.localeCompare(right, "en", { numeric: true }) > 0;
}

async function readStorage(c: ApiContext): Promise<z.infer<typeof Storage>> {
  const id = await call(c, addressOfWorkspace(c.get("workspace")), "read_default_storage", {});
  return { default_result_storage_block_id: id };
}

export const admin = factory
  .createApp()
  .get(
    "/health",
    describe({ summary: "Say that the server lives.", tag, answers: { 200: z.boolean() }, is_open: true }),
    (c) => c.json(true),
  )
  .get(
    "/ready",
    describe({
      summary: "Say that the server takes requests.",
      tag,
      answers: { 200: z.object({ message: z.string() }) },
      is_open: true,
    }),
    (c) => c.json({ message: "OK" }),
  )
  .get("/hello", describe({ summary: "Say hello.", tag, answers: { 200: z.string() } }), (c) => c.json("👋"))
  .get(
    "/version",
    describe({ summary: "Read the version of the API.", tag, answers: { 200: z.string() } }),
    (c) => c.json(API_VERSION),
  )
  .get(
    "/admin/version",
    describe({ summary: "Read the Prefect release that is spoken.", tag, answers: { 200: z.string() } }),
    (c) => c.json(findSpokenRelease(c)),
  )
  .get(
    "/admin/settings",
    describe({
      summary: "Read the settings that the server shows.",
      tag,
      description: "None: what is secret must not be shown, and nothing else decides how a client behaves.",
      answers: { 200: JsonObject },
    }),
    (c) => c.json({}),
  )
  .get(
    "/admin/storage",
    describe({ summary: "Read the default storage of results.", tag, answers: { 200: Storage } }),
    async (c) => c.json(await readStorage(c)),
  )
  .put(
    "/admin/storage",
    describe({ summary: "Set the default storage of results.", tag, answers: { 200: Storage } }),
    body(z.strictObject({ default_result_storage_block_id: Id })),
    async (c) => {
      const block_document_id = c.req.valid("json").default_result_storage_block_id.toLowerCase();
      await call(c, addressOfWorkspace(c.get("workspace")), "write_default_storage", { block_document_id });
      return c.json(await readStorage(c));
    },
  )
  .delete(
    "/admin/storage",
    describe({ summary: "Have no default storage of results.", tag, answers: { 204: null } }),
    async (c) => {
      const command = { block_document_id: null };
      await call(c, addressOfWorkspace(c.get("workspace")), "write_default_storage", command);
      return c.body(null, 204);
    },
  )
  .get(
    "/csrf-token",
    describe({
      summary: "Get a token that names the client on its later calls.",
      tag,
      description:
        "The token protects nothing: no call here is authorized by a cookie. A client that has one sends its own id along with every change, which is how its place in a line is known.",
      answers: { 200: CsrfToken },
    }),
    query(z.object({ client: z.string().max(255) })),
    (c) => {
      const { client } = c.req.valid("query");
      const expiration = formatInstant(Date.now() + CSRF_TOKEN_DAYS * DAY_MS);
      return c.json({ token: crypto.randomUUID(), client, expiration });
    },
  );
