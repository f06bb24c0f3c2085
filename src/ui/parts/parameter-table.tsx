/** What parameters a deployment takes, and what it gives where nobody says more. */
import type { Deployment } from "../../contract/wire/deployments.ts";
import { readFields, type Field } from "../data/parameter-form.ts";
import { Table, type Column } from "./table.tsx";

export function ParameterTable({ deployment }: { deployment: Deployment }) {
  const { parameter_openapi_schema: schema, parameters } = deployment;
  const fields = readFields(schema, parameters);
  if (fields.length === 0) return <p class="none">It takes none.</p>;
  return <Table rows={fields} columns={COLUMNS} keyOf={({ name }) => name} areAll />;
}

const COLUMNS: readonly Column<Field>[] = [
  {
    header: "parameter",
    value: ({ name }) => name,
    cell: ({ name, description }) => (
      <>
        <code>{name}</code>
        {description !== "" && <span class="count"> {description}</span>}
      </>
    ),
  },
  { header: "wanted", class: "wraps", value: ({ wanted }) => wanted },
  {
    header: "unless said otherwise",
    class: "wraps",
    cell: ({ usual, isRequired }) =>
      usual === undefined ? isRequired && "must be given" : <code>{usual}</code>,
  },
];
