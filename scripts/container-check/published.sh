#!/bin/sh
# Runs the live page in a container whose port 8080 is published on 127.0.0.1 of this network namespace, as `docker run
# -p 127.0.0.1:8080:8080` does it, and asks for it as a browser would: published.sh COMMAND-THAT-STARTS-A-CONTAINER...
set -eu
folder=$(mktemp -d)
log=$folder/log
ip link set lo up
# shellcheck disable=SC2016
unshare --net -- sh -c 'touch "$0/made"; until [ -e "$0/wired" ]; do sleep 0.05; done; exec "$@"' "$folder" \
  "$@" ui --listen 0.0.0.0:8080 >"$log" 2>&1 &
container=$!
trap 'kill $container 2>/dev/null || true; rm -rf "$folder"' EXIT
until [ -e "$folder/made" ]; do sleep 0.05; done
ip link add published type veth peer name eth0 netns "$container"
ip address add 172.17.0.1/16 dev published
ip link set published up
nsenter --net --target "$container" sh -c 'ip link set lo up; ip address add 172.17.0.2/16 dev eth0; ip link set eth0 up'
touch "$folder/wired"
node -e '
const net = require("node:net");
net.createServer((from) => {
  const to = net.connect(8080, "172.17.0.2");
  from.pipe(to).pipe(from);
  for (const end of [from, to]) end.on("error", () => from.destroy());
}).listen(8080, "127.0.0.1")' &
proxy=$!
trap 'kill $proxy $container 2>/dev/null || true; rm -rf "$folder"' EXIT
until grep -q Ctrl-C "$log"; do kill -0 $container || { cat "$log"; exit 1; }; sleep 0.1; done
token=$(sed -n 's/.*#//p' "$log" | head -n 1)
ask() {
  what=$1
  shift
  echo "HTTP $(curl -s -o /dev/null -w '%{http_code}' --retry 50 --retry-connrefused --retry-delay 1 --max-time 60 "$@") $what"
}
ask 'for 127.0.0.1:8080' http://127.0.0.1:8080/
ask 'for localhost:8080' --resolve localhost:8080:127.0.0.1 http://localhost:8080/
ask 'for a lab in CLOSE-WAIT with the token' -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
  -d '{"state":"CLOSE-WAIT","replaces":null}' http://127.0.0.1:8080/api/labs
ask 'for a lab without the token' -H 'Content-Type: application/json' -d '{"state":"CLOSE-WAIT","replaces":null}' \
  http://127.0.0.1:8080/api/labs
ask 'for another Host' --resolve rebound.example:8080:127.0.0.1 http://rebound.example:8080/
kill -INT "$(pgrep -P "$container" | head -n 1)"
wait "$container"
