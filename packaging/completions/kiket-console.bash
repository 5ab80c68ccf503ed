# Completion of kiket-console in bash: eval "$(kiket-console completion bash)"
# The program is given the line up to the cursor, and says for each way to go on: kind, value, help.
_kiket_console() {
    local kind value help
    COMPREPLY=()
    while IFS=$'\t' read -r kind value help; do
        case $kind in
        folder) compopt -o dirnames 2>/dev/null ;;
        file) compopt -o default 2>/dev/null ;;
        *) COMPREPLY+=("$value") ;;
        esac
    done < <(
        _KIKET_CONSOLE_COMPLETE=bash _KIKET_CONSOLE_BREAKS=$COMP_WORDBREAKS \
            "${1/#\~/$HOME}" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null
    )
}

complete -o nosort -F _kiket_console kiket-console 2>/dev/null || # bash before 4.4 sorts
    complete -F _kiket_console kiket-console
