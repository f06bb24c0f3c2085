/** A button that says what it will do, and asks once where that cannot be undone. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { act } from "../data/act.ts";
import type { Request } from "../data/http.ts";
import { Toasts } from "./toasts.tsx";

export interface AskProps {
  /** On the button. */
  label: ComponentChildren;
  title: string;
  /** What will happen. */
  children: ComponentChildren;
  confirm: string;
  isDangerous?: boolean;
  /** Why it cannot be done any more, in place of what will happen. */
  over?: string | undefined;
  /** The dialog is about to be shown: what was typed last time is forgotten. */
  onOpen?: () => void;
  /** The dialog is shown no longer. */
  onClose?: () => void;
  /** Closes the dialog when it resolves with true. */
  onConfirm: () => Promise<boolean>;
}

export function Ask({ label, onOpen, onClose, ...rest }: AskProps) {
  /** Counts how often it was opened. */
  const [opening, setOpening] = useState(0);
  const [isOpen, setOpen] = useState(false);
  const open = (): void => {
    onOpen?.();
    setOpening(opening + 1);
    setOpen(true);
  };
  const close = (): void => {
    setOpen(false);
    onClose?.();
  };
  return (
    <>
      <button type="button" onClick={open}>
        {label}
      </button>
      {isOpen && <Dialog key={opening} onClose={close} {...rest} />}
    </>
  );
}

type DialogProps = Omit<AskProps, "label" | "onOpen" | "onClose"> & { onClose: () => void };

/** Is shown for as long as it is there. */
export function Dialog({ onClose, ...rest }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    // Only what is in it by then can have the focus.
    dialog.current?.showModal();
    return () => void requestAnimationFrame(keepFocus);
  }, []);
  return (
    <dialog ref={dialog} onClose={onClose} aria-label={rest.title}>
      <Question close={() => dialog.current?.close()} {...rest} />
      <Toasts />
    </dialog>
  );
}

/** What had the focus before a dialog gets it back; once that is gone, as the row of what was done, the page has it. */
function keepFocus(): void {
  const back = document.activeElement;
  const isGone = (): boolean => back === document.body || back?.isConnected !== true;
  const focusPage = (): void => document.getElementById("page")?.focus({ preventScroll: true });
  if (isGone()) {
    focusPage();
    return;
  }
  const watch = new MutationObserver(() => {
    if (document.activeElement === back) return;
    watch.disconnect();
    if (isGone() && document.activeElement === document.body) focusPage();
  });
  watch.observe(document.body, { childList: true, subtree: true });
}

/** The row of a table that its dialog asks about: as it is, or as it was when that was asked. */
export interface AskedRow<Row> {
  row: Row;
  /** It is in the table no longer. */
  isGone: boolean;
  onClose: () => void;
}

/** What a table asks about one of its rows, and what begins that: its dialog outlives the row, and can say so. */
export function useAskedRow<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): [AskedRow<Row> | undefined, (row: Row) => void] {
  const [asked, ask] = useState<Row>();
  if (asked === undefined) return [undefined, ask];
  const row = rows.find((each) => keyOf(each) === keyOf(asked));
  return [{ row: row ?? asked, isGone: row === undefined, onClose: () => ask(undefined) }, ask];
}

/** What is asked once: an answer that comes when it is not shown any more closes nothing. */
function Question({
  title,
  children,
  confirm,
  isDangerous = false,
  over,
  onConfirm,
  close,
}: Omit<DialogProps, "onClose"> & { close: () => void }) {
  const [isBusy, setBusy] = useState(false);
  const isShown = useRef(true);
  useEffect(
    () => () => {
      isShown.current = false;
    },
    [],
  );
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    try {
      if ((await onConfirm()) && isShown.current) close();
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <h2>{title}</h2>
      {over === undefined ? children : <p role="status">{over}</p>}
      <div class="buttons">
        <button
          type="submit"
          class={isDangerous ? "danger" : "main"}
          disabled={over !== undefined}
          // It keeps the focus, for another try.
          aria-disabled={isBusy || over !== undefined}
        >
          {confirm}
        </button>
        <button type="button" autofocus={isDangerous} onClick={close}>
          Leave it
        </button>
      </div>
    </form>
  );
}

/** A change to one of two conditions. */
export interface Change extends Pick<AskProps, "isDangerous" | "children"> {
  /** What is done, as a verb that becomes its participle with a `d`: `Pause`, `Enable`. */
  verb: string;
  request: Request;
}

export interface AskChangeProps {
  name: string;
  /** In which of its two conditions it is. */
  isOn: boolean;
  /** What changes it from there. */
  changeFrom: (isOn: boolean) => Change;
}

/**
 * Asks before one thing is changed to the other of its two conditions. What is asked stays while it is asked: where
 * somebody else was faster it says so, and does not offer to undo that.
 */
export function AskChange({ name, isOn, changeFrom }: AskChangeProps) {
  const [asked, setAsked] = useState(isOn);
  const { verb, request, ...rest } = changeFrom(asked);
  const done = `is ${verb.toLowerCase()}d`;
  return (
    <Ask
      label={changeFrom(isOn).verb}
      title={`${verb} ${name}?`}
      confirm={`${verb} it`}
      over={asked === isOn ? undefined : `It ${done} by now.`}
      onOpen={() => setAsked(isOn)}
      onConfirm={() => act(request, `${name} ${done}.`)}
      {...rest}
    />
  );
}
