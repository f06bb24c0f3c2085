/** `sluice completion` */
import { script } from "@bomb.sh/tab";
import { defineCommand } from "../framework/command.ts";
import { argument, ValueFault } from "../framework/parameters.ts";

const SHELLS = ["bash", "zsh", "fish", "powershell"];

export const command = defineCommand({
  description:
    "Commands, options and names on the server are completed. Load the script in your shell's start-up file.",
  parameters: {
    shell: argument("SHELL", SHELLS.join(", "), (text) => {
      if (!SHELLS.includes(text)) throw new ValueFault(`one of ${SHELLS.join(", ")}`);
      return text;
    }),
  },
  examples: [
    "source <(sluice completion bash)",
    "source <(sluice completion zsh)",
    "sluice completion fish > ~/.config/fish/completions/sluice.fish",
  ],
  async run({ shell }) {
    script(shell, "sluice", "sluice");
  },
});
