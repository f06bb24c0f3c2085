/** `/variables` (source: wire §3.12, §4.11). */
import { z } from "zod";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import { VariablesCountBody, VariablesFilterBody } from "../../contract/wire/catalog-filters.ts";
import { Variable, VariableCreate, VariableUpdate } from "../../contract/wire/logs.ts";
import { call, factory, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { body, uuidParam } from "../validation.ts";

const describe = describeResource("Variables");
const workspace = (c: ApiContext) => addressOfWorkspace(c.get("workspace"));

/** A null means "as it is", except for the value, where it is one. */
function toUpdate({ name, value, tags }: z.infer<typeof VariableUpdate>) {
  return { ...(name && { name }), ...(value !== undefined && { value }), ...(tags && { tags }) };
}

export const variables = factory
  .createApp()
  .post("/", describe("Create a variable", 201, Variable), body(VariableCreate), async (c) => {
    const { name, value, tags } = c.req.valid("json");
    return c.json(await call(c, workspace(c), "create_variable", { name, value, tags: tags ?? [] }), 201);
  })
  .post(
    "/filter",
    describe("List variables", 200, z.array(Variable)),
    body(VariablesFilterBody),
    async (c) => {
      const { variables: filter, sort, limit, offset } = c.req.valid("json");
      const page = { sort: sort ?? ("NAME_ASC" as const), limit, offset };
      return c.json(await call(c, workspace(c), "filter_variables", { filter: filter ?? {}, ...page }));
    },
  )
  .post("/count", describe("Count variables", 200, z.int()), body(VariablesCountBody), async (c) =>
    c.json(await call(c, workspace(c), "count_variables", { filter: c.req.valid("json").variables ?? {} })),
  )
  .get("/name/:name", describe("Read a variable by its name", 200, Variable), async (c) =>
    c.json(await call(c, workspace(c), "read_variable", { name: c.req.param("name") })),
  )
  .patch("/name/:name", describe("Change a variable by its name", 204), body(VariableUpdate), async (c) => {
    const command = { target: { name: c.req.param("name") }, update: toUpdate(c.req.valid("json")) };
    await call(c, workspace(c), "update_variable", command);
    return c.body(null, 204);
  })
  .delete("/name/:name", describe("Delete a variable by its name", 204), async (c) => {
    await call(c, workspace(c), "delete_variable", { name: c.req.param("name") });
    return c.body(null, 204);
  })
  .get("/:id", describe("Read a variable", 200, Variable), async (c) =>
    c.json(await call(c, workspace(c), "read_variable", { id: uuidParam(c, "id") })),
  )
  .patch("/:id", describe("Change a variable", 204), body(VariableUpdate), async (c) => {
    const command = { target: { id: uuidParam(c, "id") }, update: toUpdate(c.req.valid("json")) };
    await call(c, workspace(c), "update_variable", command);
    return c.body(null, 204);
  })
  .delete("/:id", describe("Delete a variable", 204), async (c) => {
    await call(c, workspace(c), "delete_variable", { id: uuidParam(c, "id") });
    return c.body(null, 204);
  });
