#!/bin/sh
# Runs the live page in a container whose port 8080 is published on 127.0.0.1 of this network namespace, as `docker run
# -p 127.0.0.1:8080:8080` does it, and asks it as a browser would: published.sh COMMAND-THAT-STARTS-A-CONTAINER...
set -eu
ip link set lo up
log=$(mktemp)
"$@" ui --listen 0.0.0.0:8080 >"$log" 2>&1 &
container=$!
trap 'kill $container 2>/dev/null; rm -f "$log"' EXIT
until grep -q Ctrl-C "$log"; do kill -0 $container; sleep 0.1; done
child=$(pgrep -P $container | head -n 1)
ip link add published type veth peer name eth0 netns "$child"
ip address add 172.17.0.1/16 dev published && ip link set published up
nsenter --net --target "$child" sh -c 'ip address add 172.17.0.2/16 dev eth0 && ip link set eth0 up'
node -e '
const net = require("node:net");
net.createServer((from) => {
  const to = net.connect(8080, "172.17.0.2");
  from.pipe(to).pipe(from);
  for (const end of [from, to]) end.on("error", () => {});
}).listen(8080, "127.0.0.1")' &
proxy=$!
trap 'kill $proxy $container 2>/dev/null; rm -f "$log"' EXIT
token=$(sed -n 's/.*#//p' "$log" | head -n 1)
ask() {
  what=$1
  shift
  echo "HTTP $(curl -sS -o /dev/null -w '%{http_code}' --retry 20 --retry-connrefused --retry-delay 1 "$@") $what"
}
ask 'for 127.0.0.1:8080' http://127.0.0.1:8080/
ask 'for localhost:8080' --resolve localhost:8080:127.0.0.1 http://localhost:8080/
ask 'for a lab, with the token' -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
  -d '{"state":"CLOSE-WAIT","replaces":null}' http://127.0.0.1:8080/api/labs
ask 'for a lab, without' -H 'Content-Type: application/json' -d '{"state":"CLOSE-WAIT","replaces":null}' \
  http://127.0.0.1:8080/api/labs
ask 'for another Host' --resolve rebound.example:8080:127.0.0.1 http://rebound.example:8080/
kill -INT "$child"
wait $container
