/** `sluice completion` */
import { script } from "@bomb.sh/tab";
import { defineCommand } from "../framework/command.ts";
import { argument, ValueFault } from "../framework/parameters.ts";

const SHELLS = ["bash", "zsh", "fish", "powershell"];

/** The script asks the package bash-completion for the words of the line; where that is missing, plain bash has them. */
const BASH_WORDS = `
if ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref() {
        cur=\${COMP_WORDS[COMP_CWORD]}
        prev=\${COMP_WORDS[COMP_CWORD-1]}
        words=("\${COMP_WORDS[@]}")
        cword=$COMP_CWORD
        # Bash breaks words at : and =, and completes what stands behind the last of them.
        while ((cword > 1)) && [[ "$cur" == [:=]* || "\${words[cword-1]}" == *[:=] ]]; do
            cur=\${words[cword-1]}$cur
            words=("\${words[@]:0:cword-1}" "$cur" "\${words[@]:cword+1}")
            cword=$((cword - 1))
            prev=\${words[cword-1]}
        done
    }
fi`;

/** Bash replaces only what stands behind the last : or =, so the part before it is taken off what is offered. */
const BASH_TRIM = `
__sluice_complete_word() {
    __sluice_complete "$@"
    local cur prev words cword at before
    _get_comp_words_by_ref -n "=:" cur prev words cword
    before=\${cur%"\${cur##*[:=]}"}
    [[ -n "$before" && "$COMP_WORDBREAKS" == *"\${before: -1}"* ]] || return 0
    for at in "\${!COMPREPLY[@]}"; do COMPREPLY[at]=\${COMPREPLY[at]#"$before"}; done
}
complete -F __sluice_complete_word sluice`;

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
  async run({ shell }, cli) {
    if (shell === "bash") cli.print(BASH_WORDS);
    cli.print(makeScript(shell));
    if (shell === "bash") cli.print(BASH_TRIM);
  },
});

/** The package prints its script; in zsh's the `:` of a name would be taken for the end of it. */
function makeScript(shell: string): string {
  const lines: string[] = [];
  const { log } = console;
  console.log = (text: string) => lines.push(text);
  try {
    script(shell, "sluice", "sluice");
  } finally {
    console.log = log;
  }
  return lines.join("\n").replace("comp=${comp//:/\\:}", "comp=${comp//:/\\\\:}");
}
