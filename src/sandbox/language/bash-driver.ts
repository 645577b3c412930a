/**
 * The driver of bash, as source: `bash driver.sh CHANNEL`.
 *
 * The code runs in a shell of its own, to which neither the channel nor the token is handed. A shell has no values but
 * text: if the code sets `result`, a trap that was laid before the code leaves that text behind at the exit. Inputs are
 * JSON in the variable `inputs` (where they fit into one) and in the file `/tmp/inputs.json`.
 * In a session the pieces run in the driver's own shell, because that is where their state is.
 */
export const bashDriver = String.raw`export LC_ALL=C
channel=$1
left_behind=/tmp/.result
inputs_file=/tmp/inputs.json

field() { IFS= read -r -N "$1" -u "$channel" "$2" || [ "$1" = 0 ]; }

read_job() {
  token='' mode=once limit=0 main=main.sh args=() names=() texts=()
  local kind size name text
  while IFS=' ' read -r -u "$channel" kind size name; do
    case $kind in
      go) return 0 ;;
      token | mode | limit) field "$size" "$kind" ;;
      env) field "$size" text; names+=("$name"); texts+=("$text") ;;
      arg) field "$size" text; args+=("$text") ;;
      inputs) head -c "$size" <&"$channel" >"$inputs_file" ;;
      file)
        printf -v name %b "/work/@{name//[%]/\\x}"
        [ -d "@{name%/*}" ] || mkdir -p "@{name%/*}"
        head -c "$size" <&"$channel" >"$name"
        ;;
      code)
        main=$name
        head -c "$size" <&"$channel" >"/work/$main"
        ;;
    esac
  done
  exit 0
}

send() { # kind, file
  local size
  size=$(stat -c %s "$2") || return
  { printf '%s %s %d\n' "$token" "$1" "$size"; head -c "$size" "$2"; } >&"$channel" 2>/dev/null
}

report_result() {
  [ -f "$left_behind" ] && [ ! -L "$left_behind" ] || return
  local size
  size=$(stat -c %s "$left_behind")
  if [ "$size" -gt "$limit" ]; then
    printf 'it is larger than the limit of %d bytes' "$limit" >"$left_behind"
    send omitted "$left_behind"
  else
    send string "$left_behind"
  fi
}

# A variable holds no more than the kernel takes for one; the file holds all.
give_inputs() {
  if [ ! -f "$inputs_file" ]; then export inputs='{}'
  elif [ "$(stat -c %s "$inputs_file")" -lt 100000 ]; then export inputs="$(cat "$inputs_file")"
  else unset inputs; fi
}

run_once() {
  exec {messages}>&2 2>/dev/null # This shell's own words about how the code ended are not the code's.
  (
    exec 2>&"$messages" {messages}>&-
    eval "exec $channel>&-"
    cd /work || exit 1
    for index in "@{!names[@]}"; do export "@{names[index]}=@{texts[index]}"; done
    give_inputs
    export BASH_ENV=/run/driver/before.sh
    unset LC_ALL
    exec bash "/work/$main" "@{args[@]}"
  )
  local status=$?
  [ "$status" = 0 ] && report_result
  exit "$status"
}

run_session() {
  cd /work || exit 1
  unset LC_ALL
  while :; do
    for index in "@{!names[@]}"; do export "@{names[index]}=@{texts[index]}"; done
    give_inputs
    rm -f "$left_behind"
    unset result
    set -- "@{args[@]}"
    source "/work/$main"
    status=$?
    if [ "$status" = 0 ] && [ -n "@{result+set}" ]; then
      printf %s "$result" >"$left_behind"
      report_result
    fi
    # What was printed is told from what the next piece prints; see channel/job.ts.
    builtin printf '%s end\n' "$token"
    builtin printf '%s end\n' "$token" >&2
    builtin printf %s "$status" >"$left_behind"
    send done "$left_behind"
    read_job
  done
}

printf 'ready\n' >&"$channel"
read_job
if [ "$mode" = session ]; then run_session; else run_once; fi
`.replaceAll("@{", "${");

/** Read by the code's shell before the code. */
export const bashBefore = `unset BASH_ENV
trap '[ -n "@{result+set}" ] && printf %s "@{result[*]}" >/tmp/.result' EXIT
`.replaceAll("@{", "${");
