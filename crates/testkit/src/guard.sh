# Starts one program that must not outlive the process that asked for it, and one folder with it.
#
# usage: sh -c "$(cat guard.sh)" guard STOP_SIGNAL GRACE_TENTHS LOG DIR PROGRAM [ARG…]
#
# Standard input is a pipe held open by the asking process. However that process ends, kill -9
# included, the kernel closes the pipe; the end of input is the order to stop PROGRAM (STOP_SIGNAL,
# then KILL after GRACE_TENTHS tenths of a second) and to remove DIR. Lines on the pipe are orders:
#   stop        stop PROGRAM now, keep watching DIR
#   keep        leave DIR alone in the end: another guard has taken it over (only after "exit")
#   (a signal)  send that signal to PROGRAM
# Standard output carries two lines back: "pid N" after the start, "exit STATUS" after the end.
# Only POSIX sh: dash on Debian, bash 3.2 on macOS.
set -u
stop_signal=$1 grace_tenths=$2 log=$3 dir=$4
shift 4

exec 3<&0 </dev/null

if [ -n "$dir" ] && [ ! -d "$dir" ] && ! mkdir -m 700 "$dir"; then
    echo "error cannot create the folder $dir"
    exit 1
fi
if [ -n "$log" ]; then exec 4>>"$log"; else exec 4>&2; fi
exec 2>/dev/null

# exec keeps the number: the subshell's process becomes PROGRAM. It is forked before we ignore anything,
# so a signal that comes before exec is not lost on it.
(exec "$@" 3<&- >&4 2>&4 4>&-) &
program=$!
exec 4>&-
cd /

# A closed terminal or Ctrl-C is the asking process's business: it drains first, then closes the pipe.
trap '' INT HUP QUIT TERM PIPE

# The reader obeys orders while PROGRAM lives. It is killed before the exit is reported, so it can
# never signal a number that the kernel has since given to somebody else.
(
    while read -r order <&3; do
        case $order in
        stop) break ;;
        keep) ;;
        *) kill -s "$order" "$program" ;;
        esac
    done
    kill -s "$stop_signal" "$program"
    kill -s CONT "$program"
    waited=0
    while [ "$waited" -lt "$grace_tenths" ] && kill -s 0 "$program"; do
        sleep 0.1
        waited=$((waited + 1))
    done
    kill -s KILL "$program"
) >/dev/null &
reader=$!
# Only now: from here on PROGRAM is stopped even if we are killed.
echo "pid $program"

wait "$program"
status=$?
kill -s KILL "$reader"
wait "$reader"
echo "exit $status"

keep=
while read -r order <&3; do
    if [ "$order" = keep ]; then keep=yes; fi
done
if [ -n "$dir" ] && [ -z "$keep" ]; then
    # Children of a killed server may write for a moment longer.
    tries=0
    while [ "$tries" -lt 50 ]; do
        rm -rf -- "$dir"
        if [ ! -e "$dir" ]; then break; fi
        sleep 0.1
        tries=$((tries + 1))
    done
fi
