# repoctx in Kakoune: source it from kakrc.
#   :repoctx-filter INSTRUCTION   rewrite each selection in place
#   :repoctx-ask QUESTION         about the lines of the selection, answer in *repoctx*

declare-option -docstring 'how repoctx is called' str repoctx_program repoctx

define-command repoctx-filter -params 1.. -docstring 'rewrite each selection' %{
    evaluate-commands -save-regs '|' %{
        set-register '|' %sh{
            quoted=$(printf %s "$*" | sed "s/'/'\\\\''/g")
            printf '%s filter --path "$kak_buffile" -- '"'%s'" "$kak_opt_repoctx_program" "$quoted"
        }
        execute-keys '|<ret>'
    }
}

define-command repoctx-ask -params 1.. -docstring 'ask about the selection' %{
    evaluate-commands %sh{
        first=${kak_selection_desc%%.*}
        last=${kak_selection_desc##*,}
        last=${last%%.*}
        if [ "$first" -gt "$last" ]; then swap=$first; first=$last; last=$swap; fi
        answer=$(mktemp)
        $kak_opt_repoctx_program ask -q --path "$kak_buffile" --line "$first-$last" "$*" >"$answer" 2>&1 </dev/null
        printf 'edit! -scratch *repoctx*\n'
        printf "execute-keys '%%%%|cat %s; rm %s<ret>gg'\n" "$answer" "$answer"
    }
}
