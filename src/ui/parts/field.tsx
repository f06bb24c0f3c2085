/** One field of a form: its name, what it is for, and what is wrong with it. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

export interface FieldProps {
  label: ComponentChildren;
  hint?: ComponentChildren;
  fault?: string | undefined;
  isRequired?: boolean;
  /** Makes the control; `described` is for its `aria-describedby`. */
  children: (control: {
    id: string;
    "aria-describedby": string;
    "aria-invalid": boolean;
    "aria-required": boolean;
  }) => ComponentChildren;
}

export function Field({ label, hint, fault, isRequired = false, children }: FieldProps) {
  const id = useId();
  return (
    <div class={fault === undefined ? "field" : "field wrong"}>
      <label for={id}>
        {label}
        {isRequired && <span aria-hidden="true"> *</span>}
      </label>
      {children({
        id,
        "aria-describedby": `${id}-hint ${id}-fault`,
        "aria-invalid": fault !== undefined,
        "aria-required": isRequired,
      })}
      <p id={`${id}-hint`} class="hint">
        {hint}
      </p>
      <p id={`${id}-fault`} class="fault">
        {fault}
      </p>
    </div>
  );
}
