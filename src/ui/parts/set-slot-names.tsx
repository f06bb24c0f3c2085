/** Sets which slots a limit has, where each has a name, and says before what that would do. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { act } from "../data/act.ts";
import { Ask } from "./ask.tsx";

interface Props {
  /** The limit's name. */
  of: string;
  path: string;
  current: readonly string[];
  /** What so many slots would do. */
  preview: (names: readonly string[]) => ComponentChildren;
}

export function SetSlotNames({ of, path, current, preview }: Props) {
  const [text, setText] = useState("");
  const names = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const gone = current.filter((name) => !names.includes(name));
  const fault = findFault(names);
  return (
    <Ask
      label="Resize"
      title={`Resize ${of}`}
      confirm={`Set these ${names.length}`}
      onOpen={() => setText(current.join("\n"))}
      onConfirm={() =>
        act(
          { method: "PATCH", path, body: { slot_names: names, limit: names.length } },
          `${of}: ${names.length} from now on.`,
        )
      }
    >
      <label>
        Slots by their names, one on each line
        <textarea
          rows={Math.min(12, current.length + 2)}
          ref={(area) => area?.setCustomValidity(fault)}
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <p class="preview">
        There are {current.length} now.{" "}
        {fault !== ""
          ? fault
          : gone.length > 0 && `Nobody gets ${gone.join(", ")} any more; who has it keeps it to the end. `}
        {fault === "" && names.length !== current.length && preview(names)}
      </p>
    </Ask>
  );
}

/** Why so named slots cannot be set; empty where they can, as forms have it. */
function findFault(names: readonly string[]): string {
  if (names.length === 0) return "It takes a name at least.";
  const twice = names.find((name, index) => names.indexOf(name) < index);
  return twice === undefined ? "" : `${twice} stands there twice.`;
}
