/** What the server has against a form, by the field where it is said. */
import type { JsonObject } from "../../contract/wire/common.ts";
import { ApiError, send } from "./http.ts";

/** Field -> what is wrong there; what belongs to none is at `""`. */
export type Faults = ReadonlyMap<string, string>;

type FormFault = string | { property: string; errors: FormFault[] } | { index: number; errors: FormFault[] };

/** Asks the server what is wrong with values by a schema. */
export async function checkParameters(schema: JsonObject, values: JsonObject): Promise<Faults> {
  const { value } = await send({ method: "POST", path: "/ui/schemas/validate", body: { schema, values } });
  return byField((value as { errors: FormFault[] }).errors);
}

/** One sentence for each field, however deep in it the fault is. */
export function byField(faults: readonly FormFault[]): Faults {
  const found = new Map<string, string>();
  const walk = (fault: FormFault, path: readonly string[]): void => {
    if (typeof fault !== "string") {
      const step = "property" in fault ? fault.property : String(fault.index);
      for (const inner of fault.errors) walk(inner, [...path, step]);
      return;
    }
    const [field = "", ...rest] = path;
    const words = sayPlainly(fault);
    if (!found.has(field)) found.set(field, rest.length === 0 ? words : `${rest.join(".")}: ${words}`);
  };
  for (const fault of faults) walk(fault, []);
  return found;
}

function sayPlainly(fault: string): string {
  return /does not have required property/.test(fault) ? "This is needed." : fault;
}

/** A refused run: `Validation failed for field 'a.b'. …`, or faults in the fields of the request. */
export function readRefusal(error: ApiError): Faults {
  const named =
    /^Error creating flow run: Validation failed for field '([^']+)'\. Failure reason: (.*)$/su.exec(
      error.message,
    );
  if (named !== null) {
    const [field = "", ...rest] = (named[1] ?? "").split(".");
    return new Map([[field, [rest.join("."), named[2]].filter(Boolean).join(": ")]]);
  }
  if (error.faults.length === 0) return new Map([["", error.message]]);
  return new Map(
    error.faults.map(({ loc: [, field = "", ...rest], msg }) => {
      if (field === "parameters" && rest.length > 0) return [String(rest[0]), msg];
      return [`run.${field}`, msg];
    }),
  );
}
