/** Parameters whose values say how they are meant: texts of JSON, variables of the workspace. */
import { PAGE_MAX, PARAMETERS_BYTES_MAX } from "../contract/bounds.ts";
import { addressOfWorkspace } from "../contract/envelope.ts";
import { measureJson, type JsonObject } from "../contract/wire/common.ts";
import { hydrate, type PlaceholderFault } from "../domain/catalog/placeholders.ts";
import { call, fail, type ApiContext } from "./context.ts";

/** Values with what is meant in its place, and what could not be had. */
export async function hydrateValues(
  c: ApiContext,
  values: JsonObject,
): Promise<{ values: JsonObject; faults: PlaceholderFault[] }> {
  const names = new Set<string>();
  const noteName = (name: string) => {
    names.add(name);
    return null;
  };
  const first = hydrate(values, noteName);
  if (names.size > PAGE_MAX) fail("invalid", `One call may mean at most ${PAGE_MAX} variables.`);
  const variables =
    names.size === 0
      ? []
      : await call(c, addressOfWorkspace(c.get("workspace")), "filter_variables", {
          filter: { name: { any_: [...names] } },
          sort: "NAME_ASC",
          limit: PAGE_MAX,
          offset: 0,
        });
  const known = new Map(variables.map(({ name, value }) => [name, value]));
  const { value = {}, faults } = names.size === 0 ? first : hydrate(values, (name) => known.get(name));
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { values: value, faults };
  return { values: {}, faults: [...faults, { path: [], reason: "Values must be an object." }] };
}

/** Parameters with what is meant in its place; ends the request where something cannot be had. */
export async function hydrateParameters(
  c: ApiContext,
  of: "flow run" | "deployment",
  parameters: JsonObject,
): Promise<JsonObject> {
  const { values, faults } = await hydrateValues(c, parameters);
  const [fault] = faults;
  if (fault !== undefined) {
    const reason = fault.reason ?? "Templates are not rendered here.";
    fail("bad_request", `Error hydrating ${of} parameters: ${reason}`);
  }
  if (measureJson(values) > PARAMETERS_BYTES_MAX)
    fail(
      "invalid",
      `Parameters may have at most ${PARAMETERS_BYTES_MAX} bytes, a run's with its deployment's.`,
    );
  return values;
}
