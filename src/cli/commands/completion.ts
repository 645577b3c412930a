/** `orchestrator completion`: scripts for shells, made from the commands themselves. */
import type { Command, Option } from "commander";
import { type ExitCode, exitCode } from "../exit-code.js";

export async function completion(root: Command, shell: string): Promise<ExitCode> {
  const script = shell === "bash" ? bash(root) : shell === "zsh" ? zsh(root) : fish(root);
  process.stdout.write(script);
  return exitCode.succeeded;
}

/** Words that a command takes where none is being completed otherwise: its subcommands and choices, or files. */
function choicesOf(command: Command): readonly string[] {
  const subcommands = command.commands.map((subcommand) => subcommand.name());
  return [...subcommands, ...command.registeredArguments.flatMap((argument) => argument.argChoices ?? [])];
}

function optionsOf(command: Command): readonly Option[] {
  const all = [command, ...command.commands].flatMap(({ options }) => options).filter((option) => !option.hidden);
  // Several subcommands may have the same one.
  return all.filter((option, place) => all.findIndex(({ long }) => long === option.long) === place);
}

function flagsOf(command: Command): string[] {
  return [...optionsOf(command).flatMap(({ short, long }) => [short, long]), "-h", "--help"].filter(
    (flag) => flag !== undefined,
  );
}

function bash(root: Command): string {
  const cases = root.commands.map((command) => {
    const values = optionsOf(command)
      .filter((option) => option.argChoices !== undefined)
      .map((option) => {
        const flags = [option.short, option.long].filter((flag) => flag !== undefined).join("|");
        return `        ${flags}) COMPREPLY=($(compgen -W "${option.argChoices!.join(" ")}" -- "$current")); return;;`;
      });
    const previous = values.length === 0 ? "" : `      case "$previous" in\n${values.join("\n")}\n      esac\n`;
    const words = [...flagsOf(command), ...choicesOf(command)].join(" ");
    return `    ${command.name()})\n${previous}      words="${words}";;`;
  });
  return `# orchestrator completion for bash
_orchestrator() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${[...root.commands.map((command) => command.name()), "help", "--version", "--help"].join(" ")}" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _orchestrator orchestrator
`;
}

function zsh(root: Command): string {
  const quote = (text: string) =>
    text.replaceAll("'", "'\\''").replaceAll(":", "\\:").replaceAll("[", "\\[").replaceAll("]", "\\]");
  const commands = root.commands.map((command) => `    '${command.name()}:${quote(command.description())}'`);
  const cases = root.commands.map((command) => {
    const options = optionsOf(command).flatMap((option) =>
      [option.short, option.long]
        .filter((flag) => flag !== undefined)
        .map((flag) => {
          const value = option.required
            ? `:value:${option.argChoices ? `(${option.argChoices.join(" ")})` : "_files"}`
            : "";
          return `        '${flag}[${quote(option.description)}]${value}'`;
        }),
    );
    const choices = choicesOf(command);
    const rest = choices.length > 0 ? `'*:value:(${choices.join(" ")})'` : "'*:file:_files'";
    return `      ${command.name()})\n        _arguments \\\n${[...options, `        '--help[show help]'`, `        ${rest}`].join(" \\\n")};;`;
  });
  return `#compdef orchestrator
_orchestrator() {
  local -a commands
  commands=(
${commands.join("\n")}
  )
  _arguments -C '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands;;
    argument)
      case $words[1] in
${cases.join("\n")}
      esac;;
  esac
}
if [ "$funcstack[1]" = "_orchestrator" ]; then _orchestrator "$@"; else compdef _orchestrator orchestrator; fi
`;
}

function fish(root: Command): string {
  const quote = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = ["# orchestrator completion for fish"];
  for (const command of root.commands) {
    lines.push(
      `complete -c orchestrator -n __fish_use_subcommand -f -a ${command.name()} -d ${quote(command.description())}`,
    );
    const when = quote(`__fish_seen_subcommand_from ${command.name()}`);
    for (const option of optionsOf(command)) {
      const short = option.short === undefined ? "" : ` -s ${option.short.slice(1)}`;
      const long = option.long === undefined ? "" : ` -l ${option.long.slice(2)}`;
      const value = option.argChoices ? ` -x -a ${quote(option.argChoices.join(" "))}` : option.required ? " -r" : "";
      lines.push(`complete -c orchestrator -n ${when}${short}${long}${value} -d ${quote(option.description)}`);
    }
    const choices = choicesOf(command);
    if (choices.length > 0) lines.push(`complete -c orchestrator -n ${when} -f -a ${quote(choices.join(" "))}`);
  }
  return `${lines.join("\n")}\n`;
}
