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
  preview: (size: number) => ComponentChildren;
}

export function SetSlotNames({ of, path, current, preview }: Props) {
  const [text, setText] = useState("");
  const names = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const gone = current.filter((name) => !names.includes(name));
  const isTwice = new Set(names).size < names.length;
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
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <p class="preview">
        There are {current.length} now.{" "}
        {isTwice
          ? "A name stands there twice."
          : gone.length > 0 && `Nobody gets ${gone.join(", ")} any more; who has it keeps it to the end. `}
        {!isTwice && names.length !== current.length && preview(names.length)}
      </p>
    </Ask>
  );
}
