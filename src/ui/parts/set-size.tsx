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
  /** No more than so many are taken; a number that JSON keeps exactly, where nothing else is said. */
  max?: number;
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
  max = Number.MAX_SAFE_INTEGER,
  path,
  field,
  preview,
}: Props) {
  const [text, setText] = useState("");
  const size = readSize(text, max, isOptional);
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
          max={max}
          step={1}
          required={!isOptional}
          value={text}
          onFocus={({ currentTarget }) => currentTarget.select()}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <p class="preview">
        It is {current ?? "without a limit"} now.{" "}
        {size === undefined
          ? `It takes a whole number${max === Number.MAX_SAFE_INTEGER ? ", 0 or more" : ` from 0 to ${max}`}.`
          : size !== current && preview(size)}
      </p>
    </Ask>
  );
}

/** Undefined: there is no such size. */
function readSize(text: string, max: number, isOptional: boolean): number | null | undefined {
  if (text === "") return isOptional ? null : undefined;
  const size = Number(text);
  return Number.isInteger(size) && size >= 0 && size <= max ? size : undefined;
}
