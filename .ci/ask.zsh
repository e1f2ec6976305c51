# ask.zsh FOLDER WORDS: what zsh makes of WORDS and a tab, with the completions of FOLDER.
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell "PS1= PROMPT_EOL_MARK= TERM=dumb; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; print READY"
wait_for() {
  local text= part
  repeat 200; do
    while zpty -r -t shell part; do text+=$part; done
    [[ $text == *$1* ]] && { print -r -- "$text"; return 0; }
    sleep 0.05
  done
  print -r -- "$text"
  return 1
}
wait_for $'\nREADY' > /dev/null
zpty -w -n shell "$2"$'\t'
wait_for "$3"
