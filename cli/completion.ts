/**
 * `netsvc completion bash|zsh|fish`: scripts made from the command tree, so that they can't lag
 * behind it. Names of objects are asked of the daemon when they are completed.
 *
 * @module
 */
import type { Command, Option } from "commander";
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
  "completion": "shell",
  "host info": "host",
  "host rm": "host",
};

/** What the values of options are. */
const VALUES: Record<string, string> = { "--net": "network", "--publish-service": "service" };

/** Templates that list the names to complete. */
const NAME_TEMPLATES: Record<string, string> = {
  network: "{{.Name}}",
  service: "{{.Name}}.{{.Network}}",
  container: "{{.Name}}",
  host: "{{.Name}}",
};

const SHELLS = ["bash", "zsh", "fish"];

interface Node {
  /** Words from below the program, e.g. `network rm`. */
  path: string;
  commands: string[];
  flags: string[];
  /** Texts of help, by command and by flag. */
  about: Record<string, string>;
  /** Flags that take a value, short ones too. */
  valued: string[];
  /** Those that take none. */
  switches: string[];
  objects: string[];
}

function spellings(options: readonly Option[]): string[] {
  return options.flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined));
}

function nodes(command: Command, words: string[] = []): Node[] {
  const path = words.join(" ");
  const own: Node = {
    path,
    commands: command.commands.map((child) => child.name()),
    flags: [...command.options.map(({ long }) => long!), "--help"],
    about: Object.fromEntries([
      ...command.commands.map((child) => [child.name(), child.description()]),
      ...command.options.map(({ long, description }) => [long!, description]),
    ]),
    valued: spellings(command.options.filter(({ required }) => required)),
    switches: spellings(command.options.filter(({ required }) => !required)),
    objects: OBJECTS[path]?.split(" ") ?? [],
  };
  return [own, ...command.commands.flatMap((child) => nodes(child, [...words, child.name()]))];
}

/** The command that prints the names of objects. */
function nameCommand(object: string): string {
  return object === "shell"
    ? `printf "%s\\n" ${SHELLS.join(" ")}`
    : `netsvc ${object} ls --format "${NAME_TEMPLATES[object]}" 2>/dev/null`;
}

/** Flags that take a value wherever they are known, so that the value is no argument. */
function valuedFlags(all: Node[]): string[] {
  const switches = new Set(all.flatMap(({ switches }) => switches));
  return [...new Set(all.flatMap(({ valued }) => valued))].filter((flag) => !switches.has(flag));
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
${
    [...Object.keys(NAME_TEMPLATES), "shell"]
      .map((object) => `    ${object}) ${nameCommand(object)} ;;`).join("\n")
  }
  esac
}
_netsvc() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="" path="" words=() word commands flags objects i
  local known=(${known})
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [[ $word == -* ]]; then prev="$word"; continue; fi
    case "$prev" in ${valuedFlags(all).join("|")}) prev=""; continue ;; esac
    prev=""
    local next="\${path:+$path }$word" hit=""
    for k in "\${known[@]}"; do [[ $k == "$next" ]] && hit=1; done
    if [[ $hit ]]; then path="$next"; else words+=("$word"); fi
  done
  case "$path" in
${cases}
  esac
  case "$prev" in
${
    Object.entries(VALUES).map(([flag, object]) =>
      `    ${flag}) COMPREPLY=($(compgen -W "$(_netsvc_names ${object})" -- "$cur")); return ;;`
    ).join("\n")
  }
    ${valuedFlags(all).filter((flag) => !(flag in VALUES)).join("|")}) return ;;
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

/** zsh runs bash's completions; found by way of fpath, the first one too. */
function zsh(all: Node[]): string {
  return `#compdef netsvc\nautoload -U +X bashcompinit && bashcompinit\n${bash(all)}` +
    `if [[ $funcstack[1] == _netsvc ]]; then _bash_complete -o default -F _netsvc; fi\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function fish(all: Node[]): string {
  const lines = all.flatMap(({ path, commands, flags, objects, about, valued }) => {
    const words = path.split(" ").filter(Boolean);
    const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
    const none = `not __fish_seen_subcommand_from ${commands.join(" ")}`;
    const when = [seen, commands.length > 0 ? none : ""].filter(Boolean).join("; and ");
    const condition = when === "" ? "" : ` -n '${when}'`;
    return [
      ...commands.map((name) =>
        `complete -c netsvc -f${condition} -a ${name} -d ${quoted(about[name]!)}`
      ),
      ...flags.map((flag) => {
        const object = VALUES[flag];
        const value = object
          ? ` -x -a '(${nameCommand(object)})'`
          : valued.includes(flag)
          ? " -r"
          : "";
        const text = about[flag] ?? "Show this help";
        return `complete -c netsvc${condition} -l ${flag.slice(2)}${value} -d ${quoted(text)}`;
      }),
      ...objects.map((object) => `complete -c netsvc -f${condition} -a '(${nameCommand(object)})'`),
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
