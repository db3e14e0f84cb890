/**
 * `netsvc completion bash|zsh|fish`: scripts made from the command tree, so that they can't lag
 * behind it. Names of objects are asked of the daemon when they are completed.
 *
 * @module
 */
import type { Command, Option } from "commander";
import { ARGUMENTS, LISTS, VALUES, WORDS } from "./completion_values.ts";
import { print } from "../context.ts";
import { usageError } from "../options/usage.ts";

interface Flag {
  short: string | undefined;
  long: string;
  /** What it does. */
  about: string;
  /** Kind of its value; `""`: a value that nobody can guess; `undefined`: it takes none. */
  kind: string | undefined;
}

interface Node {
  /** Words from below the program, e.g. `network rm`; first as it is called, then its aliases. */
  paths: string[];
  commands: { name: string; about: string }[];
  flags: Flag[];
  /** Kinds of its arguments; the last may end in `...`. */
  kinds: string[];
  /** What follows the first argument is another program's. */
  passesOn: boolean;
}

const HELP: Flag = { short: "-h", long: "--help", about: "Show this help", kind: undefined };
const PASS_ON = ["run", "exec"];

function flagOf(path: string, { short, long, description, required, optional }: Option): Flag {
  const kind = VALUES[`${path} ${long}`] ?? VALUES[long!] ?? "";
  return { short, long: long!, about: description, kind: required || optional ? kind : undefined };
}

function nodes(command: Command, words: string[] = []): Node[] {
  const path = words.join(" ");
  const aliases = command.aliases().map((alias) => [...words.slice(0, -1), alias].join(" "));
  const own: Node = {
    paths: [path, ...words.length > 0 ? aliases : []],
    commands: command.commands.map((c) => ({ name: c.name(), about: c.description() })),
    flags: [...command.options.map((option) => flagOf(path, option)), HELP],
    kinds: ARGUMENTS[path]?.split(" ") ?? [],
    passesOn: PASS_ON.includes(path),
  };
  return [own, ...command.commands.flatMap((child) => nodes(child, [...words, child.name()]))];
}

/** Both spellings of flags. */
function spellings(flags: Flag[]): { flag: string; kind: string | undefined }[] {
  return flags.flatMap(({ short, long, kind }) =>
    [short, long].flatMap((flag) => flag === undefined ? [] : [{ flag, kind }])
  );
}

/** `case` branches of a shell's: patterns and what is done. */
function branches(indent: string, cases: [patterns: string[], action: string][]): string {
  return cases.map(([patterns, action]) =>
    `${indent}${patterns.map((pattern) => `"${pattern}"`).join("|")}) ${action} ;;`
  ).join("\n");
}

function bashNode({ paths, commands, flags, kinds, passesOn }: Node): [string[], string] {
  const valued = spellings(flags).filter(({ kind }) => kind !== undefined);
  return [
    paths,
    `node="${paths[0]}" verbs="${commands.map(({ name }) => name).join(" ")}" ` +
    `flags="${flags.map(({ long }) => long).join(" ")}" ` +
    `values=" ${valued.map(({ flag, kind }) => `${flag}:${kind}`).join(" ")} " ` +
    `kinds="${kinds.join(" ")}" passes="${passesOn ? 1 : ""}"`,
  ];
}

/** Names of variables are none of zsh's own (`path`, `commands`, `words`), which it gives a meaning. */
function bash(all: Node[]): string {
  const names: [string[], string][] = [
    ...Object.entries(LISTS).map(([kind, list]): [string[], string] => [
      [kind],
      list.replace("netsvc", 'netsvc ${at:+-H} ${at:+"$at"}') + " 2>/dev/null",
    ]),
    [
      ["service-of"],
      `netsvc \${at:+-H} \${at:+"$at"} service ls -f "provider=\${given[0]}" ` +
      `--format "{{.Name}}.{{.Network}}" 2>/dev/null`,
    ],
    [["any"], "for kind in container network service host; do _netsvc_names $kind; done"],
    ...Object.entries(WORDS).map(([kind, words]): [string[], string] => [
      [kind],
      `printf "%s\\n" ${words.join(" ")}`,
    ]),
  ];
  return `# bash completion for netsvc; put it in /etc/bash_completion.d/netsvc
_netsvc_names() {
  local kind
  case "$1" in
${branches("    ", names)}
  esac
}
# What a command has; fails where there is no such command.
_netsvc_node() {
  case "$1" in
${branches("    ", all.map(bashNode))}
    *) return 1 ;;
  esac
}
# Offers the words of a kind that begin with "$2"; what stands before it in its word is "$before".
_netsvc_offer() {
  local reply word kept=()
  case "$1" in
    "") return ;;
    file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$2")) ;;
    command) COMPREPLY=($(compgen -c -- "$2" | sort -u)) ;;
    *)
      [[ $1 == *= ]] && compopt -o nospace 2>/dev/null
      COMPREPLY=($(compgen -W "$(_netsvc_names "$1")" -- "$2")) ;;
  esac
  # Where the shell takes "=" and ":" for the ends of words, it replaces only what comes behind them.
  local whole="$before$2" cut=""
  if [[ $COMP_WORDBREAKS == *=* ]]; then cut="\${whole%"\${whole##*[=:]}"}"; fi
  for reply in "\${COMPREPLY[@]}"; do
    for word in "\${given[@]}"; do
      if [[ $word == "$reply" ]]; then continue 2; fi
    done
    reply="$before$reply"
    kept+=("\${reply#"$cut"}")
  done
  COMPREPLY=("\${kept[@]}")
}
_netsvc() {
  local line=() given=() piece word glued="" i node verbs flags values kinds passes
  local expected="" rest="" unknown="" at="" before="" last
  COMPREPLY=()
  # Bash takes "=" and ":" for words of their own.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    piece="\${COMP_WORDS[i]}"
    last=$(( \${#line[@]} - 1 ))
    if [[ $last -ge 0 && ( $glued || $piece == "=" || $piece == ":" ) ]]; then
      line[last]="\${line[last]}$piece"
    else
      line+=("$piece")
    fi
    if [[ $piece == "=" || $piece == ":" ]]; then glued=1; else glued=""; fi
  done
  last=$(( \${#line[@]} - 1 ))
  local cur="\${line[last]}"
  _netsvc_node ""
  for ((i = 0; i < last; i++)); do
    word="\${line[i]}"
    if [[ $expected ]]; then
      if [[ $expected == -H || $expected == --host ]]; then at="$word"; fi
      expected=""
    elif [[ $rest ]]; then given+=("$word")
    elif [[ $word == -- ]]; then rest=1
    elif [[ $word == -* ]]; then
      if [[ $values == *" $word:"* ]]; then expected="$word"; fi
      if [[ $word == --host=* ]]; then at="\${word#*=}"; fi
    elif [[ $verbs ]]; then
      _netsvc_node "\${node:+$node }$word" || unknown=1
    else
      given+=("$word")
      if [[ $passes && ( $node == run || \${#given[@]} -gt 1 ) ]]; then rest=1; fi
    fi
  done
  if [[ $expected ]]; then
    values="\${values#*" $expected:"}"
    given=()
    _netsvc_offer "\${values%%" "*}" "$cur"
  elif [[ ! $rest && $cur == --*=* ]]; then
    before="\${cur%%=*}="
    given=()
    if [[ $values != *" \${cur%%=*}:"* ]]; then return; fi
    values="\${values#*" \${cur%%=*}:"}"
    _netsvc_offer "\${values%%" "*}" "\${cur#*=}"
  elif [[ ! $rest && $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  elif [[ $unknown ]]; then
    return
  elif [[ $verbs ]]; then
    COMPREPLY=($(compgen -W "$verbs" -- "$cur"))
  else
    # The kind of the argument that comes next; the last kind may repeat.
    local kind="" n=0
    for word in $(printf "%s\\n" "$kinds"); do
      kind="$word"
      if (( n == \${#given[@]} )); then break; fi
      if [[ $word != *... ]]; then kind=""; fi
      n=$((n + 1))
    done
    # What another program is told may be said twice.
    if [[ $passes && $kind != container ]]; then given=(); fi
    _netsvc_offer "\${kind%...}" "$cur"
  fi
}
complete -F _netsvc netsvc
`;
}

/** zsh runs bash's completions; found by way of fpath, the first one too. */
function zsh(all: Node[]): string {
  return `#compdef netsvc\nautoload -U +X bashcompinit && bashcompinit\n${bash(all)}` +
    `if [[ $funcstack[1] == _netsvc ]]; then _bash_complete -F _netsvc; fi\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** What fish is told of a value or an argument of a kind. */
function fishValue(kind: string): string {
  const bare = kind.replace("...", "");
  if (bare === "") return " -x";
  if (bare === "file") return " -r -F";
  if (bare === "command") return " -x -a '(__fish_complete_command)'";
  return ` -x -a '(__netsvc_names ${bare})'`;
}

function fishNode({ paths, commands, flags, kinds }: Node): string[] {
  return paths.flatMap((path) => {
    const at = ` -n '__netsvc_at ${commands.length > 0 ? 0 : -1} ${path}'`.trimEnd();
    return [
      ...commands.map(({ name, about }) =>
        `complete -c netsvc -f${at} -a ${name} -d ${quoted(about)}`
      ),
      ...flags.map(({ short, long, about, kind }) => {
        const letter = short === undefined ? "" : ` -s ${short.slice(1)}`;
        const value = kind === undefined ? "" : fishValue(kind);
        const name = ` -l ${long.slice(2)}`;
        return `complete -c netsvc${at}${letter}${name}${value} -d ${quoted(about)}`;
      }),
      ...kinds.map((kind, i) => {
        const count = kind.endsWith("...") ? `${i}+` : `${i}`;
        const value = fishValue(kind).replace(
          /^ -[xr] ?(-F)?/,
          (_, files) => files ? " -F" : " -f",
        );
        return `complete -c netsvc -n '__netsvc_at ${count} ${path}'${value}`;
      }),
    ];
  });
}

function fish(all: Node[]): string {
  const valued = [
    ...new Set(
      all.flatMap(({ flags }) => spellings(flags)).flatMap(({ flag, kind }) =>
        kind === undefined ? [] : [flag]
      ),
    ),
  ].filter((flag) => flag.startsWith("--") || ["-H", "-f", "-o", "-e", "-p", "-w"].includes(flag));
  const names: [string, string][] = [
    ...Object.entries(LISTS),
    ["any", "for kind in container network service host; __netsvc_names $kind; end"],
    ["service-of", LISTS.service!],
    ...Object.entries(WORDS).map(([kind, words]): [string, string] => [
      kind,
      `printf "%s\\n" ${words.join(" ")}`,
    ]),
  ];
  return `# fish completion for netsvc; put it in ~/.config/fish/completions/netsvc.fish
function __netsvc_names
  switch $argv[1]
${names.map(([kind, list]) => `    case ${quoted(kind)}; ${list} 2>/dev/null`).join("\n")}
  end
end
# Whether the line is at a command ($argv[2..]) with so many arguments ($argv[1]: N, N+ or -1: any).
function __netsvc_at
  set -l words
  set -l value 0
  for word in (commandline -opc)[2..-1]
    if test $value = 1; set value 0; continue; end
    switch $word
      case '--*=*'; continue
      case ${valued.join(" ")}; set value 1; continue
      case '-*'; continue
    end
    set -a words $word
  end
  set -l path $argv[2..-1]
  set -l depth (count $path)
  test (count $words) -ge $depth; or return 1
  for i in (seq $depth)
    test "$words[$i]" = "$path[$i]"; or return 1
  end
  set -l given (math (count $words) - $depth)
  switch $argv[1]
    case -1; return 0
    case '*+'; test $given -ge (string trim -c + $argv[1])
    case '*'; test $given -eq $argv[1]
  end
end
${all.flatMap(fishNode).join("\n")}
`;
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
