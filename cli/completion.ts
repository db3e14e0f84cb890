/**
 * `netsvc completion bash|zsh|fish`: scripts made from the command tree, so that they can't lag
 * behind it. Names of objects are asked of the daemon when they are completed.
 *
 * @module
 */
import type { Command } from "commander";
import { print } from "./context.ts";
import { usageError } from "./usage.ts";

/** What the arguments of commands are, by the group and verb. */
const OBJECTS: Record<string, string> = {
  "network rm": "network",
  "network info": "network",
  "service unpublish": "service",
  "service info": "service",
  "service attach": "container service",
  "service detach": "container service",
  "container rm": "container",
  "container info": "container",
  "container logs": "container",
  "container kill": "container",
  "container wait": "container",
  "exec": "container",
};

/** Templates that list the names to complete. */
const NAME_TEMPLATES: Record<string, string> = {
  network: "{{.Name}}",
  service: "{{.Name}}.{{.Network}}",
  container: "{{.Name}}",
};

interface Node {
  /** Words from below the program, e.g. `network rm`. */
  path: string;
  commands: string[];
  flags: string[];
  objects: string[];
}

function nodes(command: Command, words: string[] = []): Node[] {
  const path = words.join(" ");
  const own: Node = {
    path,
    commands: command.commands.map((child) => child.name()),
    flags: [...command.options.map(({ long }) => long!), "--help"],
    objects: OBJECTS[path]?.split(" ") ?? [],
  };
  return [own, ...command.commands.flatMap((child) => nodes(child, [...words, child.name()]))];
}

function nameCommands(indent: string): string {
  return Object.entries(NAME_TEMPLATES).map(([object, template]) =>
    `${indent}${object}) netsvc ${object} ls --format '${template}' 2>/dev/null ;;`
  ).join("\n");
}

function bash(all: Node[]): string {
  const cases = all.map(({ path, commands, flags, objects }) =>
    `    "${path}") commands="${commands.join(" ")}" flags="${flags.join(" ")}" ` +
    `objects="${objects.join(" ")}" ;;`
  ).join("\n");
  const known = all.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`).join(" ");
  return `# bash completion for netsvc; put it in /etc/bash_completion.d/netsvc
_netsvc_names() {
  case "$1" in
${nameCommands("    ")}
  esac
}
_netsvc() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path="" words=() word commands flags objects i
  local known=(${known})
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ $word == -* ]] && continue
    local next="\${path:+$path }$word" hit=""
    for k in "\${known[@]}"; do [[ $k == "$next" ]] && hit=1; done
    if [[ $hit ]]; then path="$next"; else words+=("$word"); fi
  done
  case "$path" in
${cases}
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  elif [[ $commands ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$cur"))
  elif [[ $objects ]]; then
    local list=($objects)
    local n=$(( \${#words[@]} < \${#list[@]} ? \${#words[@]} : \${#list[@]} - 1 ))
    COMPREPLY=($(compgen -W "$(_netsvc_names "\${list[n]}")" -- "$cur"))
  fi
}
complete -o default -F _netsvc netsvc
`;
}

/** zsh runs bash's completions. */
function zsh(all: Node[]): string {
  return `#compdef netsvc\nautoload -U +X bashcompinit && bashcompinit\n${bash(all)}`;
}

function fish(all: Node[]): string {
  const lines = all.flatMap(({ path, commands, flags, objects }) => {
    const words = path.split(" ").filter(Boolean);
    const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
    const none = `not __fish_seen_subcommand_from ${commands.join(" ")}`;
    const when = [seen, commands.length > 0 ? none : ""].filter(Boolean).join("; and ");
    const condition = when === "" ? "" : ` -n '${when}'`;
    return [
      ...commands.map((name) => `complete -c netsvc -f${condition} -a ${name}`),
      ...flags.map((flag) => `complete -c netsvc${condition} -l ${flag.replace(/^--/, "")}`),
      ...objects.map((object) =>
        `complete -c netsvc -f${condition} -a '(netsvc ${object} ls --format "${
          NAME_TEMPLATES[object]
        }" 2>/dev/null)'`
      ),
    ];
  });
  return `# fish completion for netsvc; put it in ~/.config/fish/completions/netsvc.fish\n${
    lines.join("\n")
  }\n`;
}

/** Adds the command. */
export function addCompletionCommand(program: Command): void {
  const shells: Record<string, (all: Node[]) => string> = { bash, zsh, fish };
  program.command("completion").description("Print a completion script for bash, zsh or fish")
    .argument("<SHELL>").usage("bash|zsh|fish")
    .action((shell: string) => {
      const write = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
      if (!write) {
        throw usageError("completion", `Unknown shell "${shell}"; use bash, zsh or fish`);
      }
      print(write(nodes(program)));
    });
}
