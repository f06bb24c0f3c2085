/** What parameters a deployment takes, and what it gives where nobody says more. */
import type { Deployment } from "../../contract/wire/deployments.ts";
import { readFields } from "../data/parameter-form.ts";
import { Table } from "./table.tsx";

export function ParameterTable({ deployment }: { deployment: Deployment }) {
  const { parameter_openapi_schema: schema, parameters } = deployment;
  const fields = readFields(schema, parameters);
  if (fields.length === 0) return <p class="none">It takes none.</p>;
  return (
    <Table heads={["parameter", "wanted", "unless said otherwise"]}>
      {fields.map(({ name, description, wanted, isRequired, known, kind }) => (
        <tr key={name}>
          <td>
            <code>{name}</code>
            {description !== "" && <span class="count"> {description}</span>}
          </td>
          <td class="wraps">{wanted}</td>
          <td class="wraps">
            {known === undefined ? (
              isRequired && "must be given"
            ) : (
              <code>{kind === "secret" ? "•••" : JSON.stringify(known)}</code>
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}
