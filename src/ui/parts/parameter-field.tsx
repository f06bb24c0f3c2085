/** One parameter of a deployment, with the control that fits its kind. */
import type { TargetedClipboardEvent } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { isNeeded, isNullWhenEmpty, writeText, type Field as Parameter } from "../data/parameter-form.ts";
import { Field, type FieldProps } from "./field.tsx";

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
        if (kind === "json") return <Lines {...control} text={text} onText={onText} />;
        if (kind === "text" || kind === "secret")
          return <Words {...control} kind={kind} text={text} onText={onText} />;
        return <Line {...control} kind={kind} text={text} onText={onText} />;
      }}
    </Field>
  );
}

type Control = Parameters<FieldProps["children"]>[0] & { text: string; onText: (text: string) => void };

function Line({
  kind,
  text,
  onText,
  ...control
}: Control & {
  kind: keyof typeof INPUTS;
  onPaste?: (event: TargetedClipboardEvent<HTMLInputElement>) => void;
}) {
  return (
    <input
      {...control}
      {...INPUTS[kind]}
      value={text}
      onInput={({ currentTarget }) => onText(currentTarget.value)}
    />
  );
}

/** An input drops line breaks, of a secret unseen: words that have any, at first or by a paste, get lines instead. */
function Words({ kind, text, onText, ...control }: Control & { kind: "text" | "secret" }) {
  const [hadLines] = useState(text.includes("\n"));
  const [caret, setCaret] = useState<number>();
  const paste = (event: TargetedClipboardEvent<HTMLInputElement>): void => {
    const pasted = event.clipboardData?.getData("text/plain").replaceAll(/\r\n?/g, "\n") ?? "";
    // A break at the end of a single line was only copied with it.
    if (!pasted.trim().includes("\n")) return;
    event.preventDefault();
    const { value, selectionStart, selectionEnd } = event.currentTarget;
    const before = value.slice(0, selectionStart ?? 0) + pasted;
    setCaret(before.length);
    onText(before + value.slice(selectionEnd ?? 0));
  };
  if (hadLines || caret !== undefined)
    return <Lines {...control} text={text} onText={onText} caret={caret} isSecret={kind === "secret"} />;
  return <Line {...control} kind={kind} text={text} onText={onText} onPaste={paste} />;
}

/** `caret`: where typing goes on at once, because these lines took the place of another control. */
function Lines({
  text,
  onText,
  caret,
  isSecret = false,
  ...control
}: Control & { caret?: number | undefined; isSecret?: boolean }) {
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    if (caret === undefined) return;
    area.current?.focus();
    area.current?.setSelectionRange(caret, caret);
  }, [caret]);
  return (
    <textarea
      {...control}
      ref={area}
      class={isSecret ? "secret" : undefined}
      autocomplete="off"
      spellcheck={false}
      rows={Math.min(12, Math.max(2, text.split("\n").length))}
      value={text}
      onInput={({ currentTarget }) => onText(currentTarget.value)}
    />
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
