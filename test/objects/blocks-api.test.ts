import { expect, test } from "vitest";
import { send } from "./support/send.ts";

let names = 0;
interface Registered {
  slug: string;
  type: { id: string };
  schema: { id: string; checksum: string };
  save: (data: object, more?: object) => ReturnType<typeof send>;
}

/** A type of its own for each test: all share one workspace. */
async function register(fields: object = {}, more: object = {}): Promise<Registered> {
  names += 1;
  const slug = `type-${names}`;
  const type = (await send("POST", "/block_types/", { name: `Type ${names}`, slug })).body;
  const sent = {
    block_type_id: type.id,
    fields: { title: `Type${names}`, block_type_slug: slug, type: "object", secret_fields: [], ...fields },
    ...more,
  };
  const { status, body: schema } = await send("POST", "/block_schemas/", sent);
  expect(status).toBe(201);
  const save = (data: object, options: object = {}) =>
    send("POST", "/block_documents/", {
      name: "mine",
      data,
      block_schema_id: schema.id,
      block_type_id: type.id,
      ...options,
    });
  return { slug, type, schema, save };
}

test("a type is found by its slug, changed, and takes its schemas and documents with it", async () => {
  const { slug, type, schema, save } = await register();
  expect(await send("POST", "/block_types/", { name: "Other", slug })).toMatchObject({ status: 409 });
  expect(await send("POST", "/block_types/", { name: "Prefect Thing", slug: "x" })).toMatchObject({
    status: 403,
  });
  expect((await send("PATCH", `/block_types/${type.id}`, { description: "new" })).status).toBe(204);
  expect((await send("GET", `/block_types/slug/${slug}`)).body).toMatchObject({
    id: type.id,
    description: "new",
    is_protected: false,
  });
  const listed = await send("POST", "/block_types/filter", { block_types: { slug: { any_: [slug] } } });
  expect(listed.body).toHaveLength(1);
  const { body: document } = await save({});
  expect((await send("DELETE", `/block_types/${type.id}`)).status).toBe(204);
  for (const path of [
    `/block_types/${type.id}`,
    `/block_schemas/${schema.id}`,
    `/block_documents/${document.id}`,
  ])
    expect(await send("GET", path)).toMatchObject({ status: 404 });
});

test("the types of every Prefect server are there from the start and stay", async () => {
  const system = { block_types: { slug: { any_: ["secret", "local-file-system", "webhook"] } } };
  const { body } = await send("POST", "/block_types/filter", system);
  expect(body.map(({ slug }: { slug: string }) => slug)).toEqual(["local-file-system", "secret", "webhook"]);
  expect((await send("POST", "/block_types/install_system_block_types")).status).toBe(200);
  expect((await send("POST", "/block_types/filter", system)).body).toEqual(body);
  expect(await send("DELETE", `/block_types/${body[1].id}`)).toMatchObject({
    status: 403,
    body: { detail: "protected block types cannot be deleted." },
  });
  // The checksum by which Prefect 3.8.8 looks for the schema of its own class.
  const path =
    "/block_schemas/checksum/sha256:c078ed9c1e813e224c0b353d7ad4564a11d51d3198d9ac0686478165a1911c78";
  expect(await send("GET", path)).toMatchObject({ status: 200, body: { block_type_id: body[1].id } });
});

test("a schema is made once for its checksum and version, and the newest one is found", async () => {
  const { type, schema } = await register({ n: 1 }, { capabilities: ["write-path"], version: "1" });
  const fields = { title: `Type${names}`, block_type_slug: `type-${names}`, type: "object", n: 1 };
  const again = await send("POST", "/block_schemas/", { block_type_id: type.id, fields, version: "1" });
  expect(again).toMatchObject({ status: 200, body: { id: schema.id } });
  const newer = await send("POST", "/block_schemas/", { block_type_id: type.id, fields, version: "2" });
  expect(newer.status).toBe(201);
  expect(newer.body.checksum).toBe(schema.checksum);
  const path = `/block_schemas/checksum/${schema.checksum}`;
  expect((await send("GET", path)).body.id).toBe(newer.body.id);
  expect((await send("GET", `${path}?version=1`)).body.id).toBe(schema.id);
  const filter = { block_schemas: { block_type_id: { any_: [type.id] } } };
  const list = async (more: object) =>
    (await send("POST", "/block_schemas/filter", more)).body.map(({ id }: { id: string }) => id);
  expect(await list(filter)).toEqual([newer.body.id, schema.id]);
  expect(
    await list({ block_schemas: { ...filter.block_schemas, block_capabilities: { all_: ["write-path"] } } }),
  ).toEqual([schema.id]);
  expect((await send("GET", "/block_capabilities/")).body).toContain("write-path");
});

test("a nested block's schema needs its type, and comes along with its parent's", async () => {
  const part = { title: "Part", block_type_slug: "a-part", type: "object", block_schema_references: {} };
  const whole = (slug: string) => ({
    properties: { part: { $ref: "#/definitions/Part" } },
    block_schema_references: { part: { block_type_slug: slug, block_schema_checksum: "sha256:unknown" } },
    definitions: { Part: { ...part, block_type_slug: slug } },
  });
  const { type } = await register();
  const early = await send("POST", "/block_schemas/", { block_type_id: type.id, fields: whole("a-part") });
  expect(early).toMatchObject({ status: 409 });
  const partType = (await send("POST", "/block_types/", { name: "A part", slug: "a-part" })).body;
  const made = await send("POST", "/block_schemas/", { block_type_id: type.id, fields: whole("a-part") });
  expect(made).toMatchObject({ status: 201, body: { fields: whole("a-part") } });
  const { body } = await send("POST", "/block_schemas/filter", {
    block_schemas: { block_type_id: { any_: [partType.id] } },
  });
  expect(body).toMatchObject([{ block_type: { slug: "a-part" }, version: "non-versioned" }]);
});

test("secrets are shown only to who asks for them, and survive a change that sends them obfuscated", async () => {
  const { slug, save } = await register({ secret_fields: ["password", "headers.*"] });
  const data = { password: "p", headers: { a: "b" }, user: "u" };
  const created = await save(data);
  expect(created).toMatchObject({
    status: 201,
    body: { data: { password: "********", headers: { a: "********" }, user: "u" }, is_anonymous: false },
  });
  expect(await save(data)).toMatchObject({ status: 409, body: { detail: "Block already exists" } });
  const path = `/block_types/slug/${slug}/block_documents/name/mine`;
  const read = async () => (await send("GET", `${path}?include_secrets=true`)).body.data;
  expect((await send("GET", path)).body.data.password).toBe("********");
  expect(await read()).toEqual(data);
  const id = `/block_documents/${created.body.id}`;
  await send("PATCH", id, { data: { password: "********", user: "v" } });
  expect(await read()).toEqual({ ...data, user: "v" });
  await send("PATCH", id, { data: { password: "q" }, merge_existing_data: false });
  expect(await read()).toEqual({ password: "q" });
  expect((await send("GET", `${id}?include_secrets=false`)).body.data).toEqual({ password: "********" });
  // As Prefect's client asks for all documents of a type.
  const all = `/block_types/slug/${slug}/block_documents?limit=&offset=&include_secrets=true`;
  expect((await send("GET", all)).body).toMatchObject([{ name: "mine" }]);
});

test("a document shows those that it refers to, and no circle can be made", async () => {
  const child = await register({ secret_fields: ["password"] });
  const { body: inner } = await child.save({ password: "p", user: "u" });
  const parent = await register();
  const ref = (id: string) => ({ $ref: { block_document_id: id } });
  const { body: outer } = await parent.save({ inner: ref(inner.id), a: 1 });
  expect(outer).toMatchObject({
    data: { a: 1, inner: { password: "********", user: "u" } },
    block_document_references: { inner: { block_document: { id: inner.id, name: "mine" } } },
    block_schema: { id: parent.schema.id },
    block_type: { slug: parent.slug },
  });
  const whole = await send("GET", `/block_documents/${outer.id}?include_secrets=true`);
  expect(whole.body.data.inner.password).toBe("p");
  const patch = (id: string, data: object) => send("PATCH", `/block_documents/${id}`, { data });
  expect(await patch(inner.id, { up: ref(outer.id) })).toMatchObject({ status: 400 });
  expect(await patch(inner.id, { up: ref(inner.id) })).toMatchObject({ status: 400 });
  expect(await patch(inner.id, { up: ref(crypto.randomUUID()) })).toMatchObject({ status: 400 });
  expect(await patch(inner.id, { up: { $ref: {} } })).toMatchObject({ status: 400 });
  await patch(outer.id, { a: 2 });
  expect((await send("GET", `/block_documents/${outer.id}`)).body.data.inner.user).toBe("u");
  expect((await send("DELETE", `/block_documents/${inner.id}`)).status).toBe(204);
  expect((await send("GET", `/block_documents/${outer.id}`)).body).toMatchObject({
    data: { a: 2 },
    block_document_references: {},
  });
});

test("anonymous documents have a name of their own and are listed only where they are wanted", async () => {
  const { type, save } = await register();
  expect(await save({}, { name: null })).toMatchObject({ status: 422 });
  const named = await save({});
  const hidden = await save({}, { name: null, is_anonymous: true });
  expect(hidden.body.name).toMatch(/^anonymous-/);
  const of = (more: object) => ({ block_documents: { block_type_id: { any_: [type.id] }, ...more } });
  const list = async (filter: object) =>
    (await send("POST", "/block_documents/filter", filter)).body.map(({ id }: { id: string }) => id);
  expect(await list(of({}))).toEqual([named.body.id]);
  expect(await list(of({ is_anonymous: { eq_: true } }))).toEqual([hidden.body.id]);
  expect(await list({ ...of({ is_anonymous: null }), sort: "NAME_DESC" })).toEqual([
    named.body.id,
    hidden.body.id,
  ]);
  expect((await send("POST", "/block_documents/count", of({ is_anonymous: null }))).body).toBe(2);
});

test("results are stored by a block that can write, until it is deleted", async () => {
  const storage = (block: string | null) => ({ default_result_storage_block_id: block });
  const mute = await (await register()).save({});
  expect(await send("PUT", "/admin/storage", storage(mute.body.id))).toMatchObject({ status: 422 });
  expect(await send("PUT", "/admin/storage", storage(crypto.randomUUID()))).toMatchObject({ status: 404 });
  const able = await (await register({ able: true }, { capabilities: ["write-path"] })).save({});
  expect(await send("PUT", "/admin/storage", storage(able.body.id))).toMatchObject({
    status: 200,
    body: storage(able.body.id),
  });
  expect((await send("GET", "/admin/storage")).body).toEqual(storage(able.body.id));
  await send("DELETE", `/block_documents/${able.body.id}`);
  expect((await send("GET", "/admin/storage")).body).toEqual(storage(null));
  expect((await send("DELETE", "/admin/storage")).status).toBe(204);
});

test.each([
  ["a name with upper case", "/block_documents/", { name: "No" }],
  ["an unknown field", "/block_types/", { name: "a", slug: "a", zzz: 1 }],
  ["a slug with blanks", "/block_types/", { name: "a", slug: "a b" }],
  ["fields that are none", "/block_schemas/", { block_type_id: crypto.randomUUID(), fields: 1 }],
  ["too much at once", "/block_documents/filter", { limit: 201 }],
])("%s is refused", async (_what, path, body) => {
  expect(await send("POST", path, body)).toMatchObject({ status: 422 });
});
