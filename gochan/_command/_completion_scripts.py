"""Scripts for shells: they ask ``gochan completion`` what may come next."""

# Theory of operation
# -------------------
# A script hands the words up to the cursor to ``gochan completion SHELL WORDS``, and gets lines
# of three fields, with tabs between them: a kind, a value and a help.
#
#   plain    the value is a suggestion
#   file     the shell suggests files
#   dir      the shell suggests folders
#   command  the last words are a command of their own, of which VALUE words are complete
#
# Errors go nowhere: a terminal in which somebody types is no place for them.

from __future__ import annotations

from typing import Final

_BASH: Final = r"""
_gochan() {
    local i kind value help rest=${COMP_LINE#*"${COMP_WORDS[0]}"} raw=${COMP_WORDS[COMP_CWORD]}
    local -a words=() starts=()
    # Bash also splits words at = and :, which mean nothing here. So join them again.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        if ((i == 1)) || [[ -z $rest || $rest == [[:space:]]* ]]; then
            words+=("${COMP_WORDS[i]}")
            starts+=("$i")
        else
            words[${#words[@]} - 1]+=${COMP_WORDS[i]}
        fi
        rest=${rest#*"${COMP_WORDS[i]}"}
    done
    # Bash replaces only what follows the last = or :, so suggest only that.
    local typed=${words[${#words[@]} - 1]} lead='' known
    if [[ $raw == -*=* ]]; then lead=${raw%%=*}=; fi
    if [[ $typed == -*=* ]]; then typed=${typed#*=}; fi
    case $raw in
        = | :) known=$typed ;;
        *) known=${typed%"${raw#"$lead"}"} ;;
    esac
    COMPREPLY=()
    while IFS=$'\t' read -r kind value help; do
        case $kind in
            plain) COMPREPLY+=("$lead${value#"$known"}") ;;
            file) compopt -o default 2>/dev/null ;;
            dir) compopt -o dirnames 2>/dev/null ;;
            command) _gochan_command "$value" "${starts[${#starts[@]} - 1 - value]}" ;;
        esac
    done < <("$1" completion bash "${words[@]}" 2>/dev/null </dev/null)
}

_gochan_command() {
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$2"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$2"
    else
        compopt -o default 2>/dev/null
        if (($1 == 0)); then mapfile -t COMPREPLY < <(compgen -c -- "$raw"); fi
    fi
}

complete -F _gochan gochan
"""

_ZSH: Final = r"""#compdef gochan

_gochan() {
    local line kind value help
    local -a typed lines described
    typed=("${(@Q)words[1,CURRENT]}")
    lines=("${(@f)$("$typed[1]" completion zsh "${(@)typed[2,-1]}" 2>/dev/null </dev/null)}")
    [[ $words[CURRENT] == -*=* ]] && compset -P 1 '*='
    for line in $lines; do
        kind=${line%%$'\t'*} help=${line##*$'\t'} value=${${line#*$'\t'}%$'\t'*}
        case $kind in
            plain) described+=("${value//:/\\:}${help:+:$help}") ;;
            file) _files ;;
            dir) _files -/ ;;
            command)
                words=("${(@)words[CURRENT - value,-1]}")
                ((CURRENT = value + 1))
                _normal
                ;;
        esac
    done
    ((! $#described)) || _describe -V gochan described
}

if [[ ${funcstack[1]} == _gochan ]]; then
    _gochan "$@"
else
    compdef _gochan gochan
fi
"""

_FISH: Final = r"""
function __gochan_suggest
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lead (string match -r -- '^-[^=]*=' $current)
    set -l typed (string replace -r -- '^-[^=]*=' '' $current)
    for line in ($words[1] completion fish $words[2..-1] $current 2>/dev/null </dev/null)
        set -l fields (string split \t -- $line)
        switch $fields[1]
            case plain
                printf '%s\t%s\n' "$lead$fields[2]" "$fields[3]"
            case file
                printf "$lead%s\n" (__fish_complete_path "$typed")
            case dir
                printf "$lead%s\n" (__fish_complete_directories "$typed")
            case command
                set -l rest
                if test $fields[2] -gt 0
                    set rest (string escape -- $words[(math 0 - $fields[2])..-1])
                end
                complete --do-complete "$(string join ' ' -- $rest $current)"
        end
    end
end

complete -c gochan -f -k -a '(__gochan_suggest)'
"""

SCRIPTS: Final = {"bash": _BASH.lstrip(), "zsh": _ZSH, "fish": _FISH.lstrip()}
"""The script for each shell."""
