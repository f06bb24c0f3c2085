/** Saves an answer as a file: a plain link would go without the key. */
import { say } from "../parts/toasts.tsx";
import { ApiError, sendForText } from "./http.ts";

export async function download(path: string, name: string): Promise<void> {
  let text: string;
  try {
    text = await sendForText(path);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return say(error.message, true);
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text]));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
