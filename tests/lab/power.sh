#!/bin/sh
# The lab's power switch, as a node's fencing device calls it: power ACTION NODE.
#   off, on, cycle, reboot: exit 0 once it is done and observed;   status: prints on (exit 0) or off (exit 2)
# Orders go by a named pipe to the lab's warden, outside the nodes, which is the one that really kills.
set -eu
here=$(dirname "$0")
[ $# = 2 ] || { echo "usage: power off|on|cycle|reboot|status NODE" >&2; exit 64; }
reply="$here/reply.${HOSTNAME:-$(cat /proc/sys/kernel/hostname)}.$$"
mkfifo -m 600 "$reply"
trap 'rm -f "$reply"' EXIT
exec 3<>"$reply"  # Open before asking: the answer must find a reader.
echo "$1 $2 $reply" >"$here/power.in"
read -r code text <&3
[ -z "$text" ] || echo "$text"
exit "$code"
