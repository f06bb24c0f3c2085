/** A command to be typed elsewhere, with a button that copies it. */
import { Check, Copy } from "lucide-preact";
import { useState } from "preact/hooks";

export function Command({ text }: { text: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
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
