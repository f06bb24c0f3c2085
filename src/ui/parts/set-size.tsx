/** Sets how many there may be at a time, and says before what that would do. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { act } from "../data/act.ts";
import { Ask } from "./ask.tsx";

interface Props {
  /** On the button. */
  label: string;
  title: string;
  /** Whose size it is. */
  of: string;
  /** Of what there are so many. */
  unit: string;
  /** As it is now; null is no limit. */
  current: number | null;
  /** Whether there may be no limit, which an empty field stands for. */
  isOptional?: boolean;
  /** Where it is set, and as what. */
  path: string;
  field: string;
  /** What such a size would do. */
  preview: (size: number | null) => ComponentChildren;
}

export function SetSize({
  label,
  title,
  of,
  unit,
  current,
  isOptional = false,
  path,
  field,
  preview,
}: Props) {
  const [text, setText] = useState("");
  const size = readSize(text, isOptional);
  const name = size === null ? "no limit" : String(size);
  return (
    <Ask
      label={label}
      title={title}
      confirm={size === undefined ? "Set it" : size === null ? "Lift the limit" : `Set it to ${size}`}
      onOpen={() => setText(current === null ? "" : String(current))}
      onConfirm={() => act({ method: "PATCH", path, body: { [field]: size } }, `${of}: ${name} from now on.`)}
    >
      <label>
        {unit}
        {isOptional && ", empty for no limit"}{" "}
        <input
          type="number"
          min={0}
          step={1}
          required={!isOptional}
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <p class="preview">
        It is {current ?? "without a limit"} now.{" "}
        {size === undefined ? "It takes a whole number, 0 or more." : size !== current && preview(size)}
      </p>
    </Ask>
  );
}

/** Undefined: there is no such size. */
function readSize(text: string, isOptional: boolean): number | null | undefined {
  if (text === "") return isOptional ? null : undefined;
  const size = Number(text);
  return Number.isInteger(size) && size >= 0 ? size : undefined;
}
