/** A command to be typed elsewhere, with a button that copies it. */
import { Check, Copy } from "lucide-preact";
import { useState } from "preact/hooks";
import { copyText } from "../data/copy.ts";
import { say } from "./toasts.tsx";

export function Command({ text }: { text: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    if (!(await copyText(text)))
      return say("This browser lets no page copy; mark the command instead.", true);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <p class="command">
      <code>{text}</code>
      <button type="button" onClick={() => void copy()} aria-label={`Copy ${text}`}>
        {isCopied ? <Check aria-hidden="true" /> : <Copy aria-hidden="true" />}
      </button>
    </p>
  );
}
