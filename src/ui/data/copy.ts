/** Puts a text into the clipboard. */

/** False: the browser does not let it. */
export async function copyText(text: string): Promise<boolean> {
  try {
    // Browsers have a clipboard for pages from this machine or over TLS only; a server on the next machine is neither.
    if (window.isSecureContext) await navigator.clipboard.writeText(text);
    else return copySelection(text);
    return true;
  } catch {
    return false;
  }
}

function copySelection(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "hidden";
  const focused = document.activeElement;
  document.body.append(field);
  field.select();
  try {
    return document.execCommand("copy");
  } finally {
    field.remove();
    if (focused instanceof HTMLElement) focused.focus();
  }
}
