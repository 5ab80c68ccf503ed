# Completion of kiket-console in fish: kiket-console completion fish | source
# The program is given the words up to the cursor, and says for each way to go on: kind, value, help.
function __kiket_console_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    _KIKET_CONSOLE_COMPLETE=fish $program $words[2..-1] "$current" 2>/dev/null | while read -l -d \t kind value help
        switch $kind
            case folder
                __fish_complete_directories "$current"
            case file
                __fish_complete_path "$current"
            case '*'
                printf '%s\t%s\n' $value "$help"
        end
    end
end

complete --command kiket-console --no-files --keep-order --arguments '(__kiket_console_complete)'
