/**
 * Scripts by which shells ask `netsvc __complete`. Pure.
 *
 * @module
 */

/** Variables must not have names that are special in zsh (`path`, `commands`, `words`). */
const BASH = `_netsvc() {
  local line=() piece glued="" last i cur before="" cut="" word kind="" kept=()
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
  cur="\${line[last]}"
  while IFS= read -r word; do
    case "$word" in
      :*) kind="\${word#:}" ;;
      *) kept+=("\${word%%$'\\t'*}") ;;
    esac
  done < <(netsvc __complete "\${line[@]}" 2>/dev/null)
  if [[ $cur == --*=* ]]; then before="\${cur%%=*}="; fi
  case "$kind" in
    files)
      compopt -o filenames 2>/dev/null
      while IFS= read -r word; do kept+=("$before$word"); done < <(compgen -f -- "\${cur#"$before"}")
      ;;
    programs)
      while IFS= read -r word; do kept+=("$word"); done < <(compgen -c -- "$cur" | sort -u)
      ;;
    nospace) compopt -o nospace 2>/dev/null ;;
  esac
  # Where the shell takes "=" and ":" for the ends of words, it replaces only what comes behind them.
  if [[ $COMP_WORDBREAKS == *=* ]]; then cut="\${cur%"\${cur##*[=:]}"}"; fi
  for word in "\${kept[@]}"; do COMPREPLY+=("\${word#"$cut"}"); done
}
complete -F _netsvc netsvc
`;

const FISH = `# fish completion for netsvc; put it in ~/.config/fish/completions/netsvc.fish
function __netsvc_complete
  set -l before (commandline -opc)[2..-1]
  set -l current (commandline -ct)
  set -l answer (netsvc __complete $before "$current" 2>/dev/null)
  test (count $answer) -gt 0; or return
  set -l offered $answer[1..-2]
  switch $answer[-1]
    case :files
      set -l flag (string match -r -- '^--[^=]+=' "$current")
      set -l begun (string replace -r -- '^--[^=]+=' '' "$current")
      for file in (__fish_complete_path "$begun")
        printf '%s%s\\n' "$flag" $file
      end
    case :programs
      __fish_complete_command
    case '*'
      test (count $answer) -gt 1; and printf '%s\\n' $offered
  end
end
complete -c netsvc -f -a '(__netsvc_complete)'
`;

/** The script of each shell. */
export const SCRIPTS: Record<string, string> = {
  bash: `# bash completion for netsvc; put it in /etc/bash_completion.d/netsvc\n${BASH}`,
  // zsh runs bash's completions; found by way of fpath, the first one too.
  zsh: `#compdef netsvc\nautoload -U +X bashcompinit && bashcompinit\n${BASH}` +
    `if [[ $funcstack[1] == _netsvc ]]; then _bash_complete -F _netsvc; fi\n`,
  fish: FISH,
};
