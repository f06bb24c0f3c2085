/** A button that says what it will do, and asks once where that cannot be undone. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { act } from "../data/act.ts";

export interface AskProps {
  /** On the button. */
  label: ComponentChildren;
  title: string;
  /** What will happen. */
  children: ComponentChildren;
  confirm: string;
  isDangerous?: boolean;
  /** The dialog is about to be shown: what was typed last time is forgotten. */
  onOpen?: () => void;
  /** Closes the dialog when it resolves with true. */
  onConfirm: () => Promise<boolean>;
}

export function Ask({ label, title, children, confirm, isDangerous = false, onOpen, onConfirm }: AskProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isOpen, setOpen] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const open = (): void => {
    onOpen?.();
    setOpen(true);
  };
  // Only what is in it by then can have the focus.
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
  }, [isOpen]);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const isDone = await onConfirm();
    setBusy(false);
    if (isDone) dialog.current?.close();
  };
  return (
    <>
      <button type="button" onClick={open}>
        {label}
      </button>
      <dialog ref={dialog} onClose={() => setOpen(false)} aria-label={title}>
        {isOpen && (
          <form onSubmit={(event) => void submit(event)}>
            <h2>{title}</h2>
            {children}
            <div class="buttons">
              <button type="submit" class={isDangerous ? "danger" : "main"} disabled={isBusy}>
                {confirm}
              </button>
              <button type="button" autofocus={isDangerous} onClick={() => dialog.current?.close()}>
                Leave it
              </button>
            </div>
          </form>
        )}
      </dialog>
    </>
  );
}

export interface AskChangeProps extends Pick<AskProps, "isDangerous" | "children"> {
  /** What is done, as a verb that becomes its participle with a `d`: `Pause`, `Enable`. */
  verb: string;
  name: string;
  /** What is changed, and how. */
  path: string;
  body: unknown;
}

/** Asks before one thing is changed to another of its two conditions. */
export function AskChange({ verb, name, path, body, ...rest }: AskChangeProps) {
  const done = `${name} is ${verb.toLowerCase()}d.`;
  return (
    <Ask
      label={verb}
      title={`${verb} ${name}?`}
      confirm={`${verb} it`}
      onConfirm={() => act({ method: "PATCH", path, body }, done)}
      {...rest}
    />
  );
}
