/** One parameter of a deployment, with the control that fits its kind. */
import { isNeeded, isNullWhenEmpty, writeText, type Field as Parameter } from "../data/parameter-form.ts";
import { Field } from "./field.tsx";

const INPUTS = {
  text: { type: "text" },
  secret: { type: "password", autocomplete: "off" },
  integer: { type: "text", inputMode: "numeric" },
  number: { type: "text", inputMode: "decimal" },
  date: { type: "date" },
  "date-time": { type: "datetime-local", step: 1 },
} as const;

/** Longer values are not said again. */
const USUAL_CHARACTERS_MAX = 60;

export function ParameterField({
  parameter,
  text,
  fault,
  onText,
}: {
  parameter: Parameter;
  text: string;
  fault: string | undefined;
  onText: (text: string) => void;
}) {
  const { title, description, wanted, kind, usual = "" } = parameter;
  const isChosen = kind === "boolean" || kind === "choice";
  const isChanged = text !== writeText(parameter);
  const hint = [
    description,
    `${wanted}${kind === "json" ? ", as JSON" : ""}`,
    // Where one chooses, it is among the choices.
    !isChosen && isNullWhenEmpty(parameter) && "left empty, it is null",
  ]
    .filter(Boolean)
    .join(" · ");
  return (
    <Field
      label={title}
      isRequired={isNeeded(parameter)}
      hint={
        <>
          {hint}
          {isChanged && usual !== "" && usual.length < USUAL_CHARACTERS_MAX && (
            <>
              {" "}
              · otherwise <code>{usual}</code>
            </>
          )}
        </>
      }
      fault={fault}
    >
      {(control) => {
        if (isChosen)
          return (
            <select {...control} value={text} onChange={({ currentTarget }) => onText(currentTarget.value)}>
              <Choices parameter={parameter} />
            </select>
          );
        if (kind === "json")
          return (
            <textarea
              {...control}
              rows={Math.min(12, Math.max(2, text.split("\n").length))}
              spellcheck={false}
              value={text}
              onInput={({ currentTarget }) => onText(currentTarget.value)}
            />
          );
        return (
          <input
            {...control}
            {...INPUTS[kind]}
            value={text}
            onInput={({ currentTarget }) => onText(currentTarget.value)}
          />
        );
      }}
    </Field>
  );
}

function Choices({ parameter }: { parameter: Parameter }) {
  const { kind, choices, known, isNullable } = parameter;
  const values = kind === "boolean" ? [true, false] : choices;
  return (
    <>
      {(known === undefined || known === null || isNullable) && (
        <option value="">{isNullWhenEmpty(parameter) ? "null" : "choose …"}</option>
      )}
      {values.map((value) => {
        const text = JSON.stringify(value);
        return (
          <option key={text} value={text}>
            {typeof value === "string" ? value : text}
          </option>
        );
      })}
    </>
  );
}
