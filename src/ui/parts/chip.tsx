/** A condition of what is shown, with the button that takes it away. */
import { X } from "lucide-preact";

export function Chip({ text, onRemove }: { text: string; onRemove: () => void }) {
  return (
    <button type="button" class="chip" aria-label={`${text}, remove`} onClick={onRemove}>
      {text} <X aria-hidden="true" />
    </button>
  );
}
