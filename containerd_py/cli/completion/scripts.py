"""What each shell needs to ask `pyctr` (see `protocol`). What comes back is data: no shell evaluates it."""

BASH = r"""# bash completion for pyctr: eval "$(pyctr completion bash)"
_pyctr() {
    local answer value cut="" directive=":none" typed=${COMP_LINE:0:COMP_POINT}
    local word=${typed##*[[:space:]]}
    # Bash replaces what stands after the last = or : only.
    [[ $COMP_WORDBREAKS == *=* && $word == *[=:]* ]] && cut=${word%"${word##*[=:]}"}
    COMPREPLY=()
    while IFS= read -r answer; do
        case $answer in
            :files | :directories | :none) directive=$answer ;;
            *)
                value=${answer%%$'\t'*}
                [[ $value == *[=:] ]] && compopt -o nospace
                COMPREPLY+=("$(printf %q "${value#"$cut"}")")
                ;;
        esac
    done < <("$1" __complete_line "$typed" 2>/dev/null)
    case $directive in
        :files) compopt -o default ;;
        :directories) compopt -o dirnames ;;
    esac
}
complete -F _pyctr pyctr
"""

ZSH = r"""#compdef pyctr
# zsh completion for pyctr: eval "$(pyctr completion zsh)", after compinit; or as the file _pyctr in a directory of $fpath
_pyctr() {
    local answer value about directive=":none"
    local -a values shown open opened
    while IFS= read -r answer; do
        case $answer in
            :files|:directories|:none) directive=$answer; continue ;;
        esac
        value=${answer%%$'\t'*}
        about=${answer#*$'\t'}
        if [[ $value == *[=:] ]]; then
            open+=("$value"); opened+=("$value${about:+  -- $about}")
        else
            values+=("$value"); shown+=("$value${about:+  -- $about}")
        fi
    done < <("${words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    (( $#values )) && compadd -l -d shown -a values
    (( $#open )) && compadd -S '' -l -d opened -a open
    case $directive in
        :files) _files ;;
        :directories) _files -/ ;;
    esac
}
compdef _pyctr pyctr
"""

FISH = r"""# fish completion for pyctr: pyctr completion fish | source
function __pyctr_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path (commandline -ct)
            case ':directories'
                __fish_complete_directories (commandline -ct)
            case ':none'
            case '*'
                echo $line
        end
    end
end
complete -c pyctr -f -a '(__pyctr_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
