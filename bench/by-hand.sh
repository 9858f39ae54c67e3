#!/bin/bash
# What people do today, scripted: two namespaces as two machines; nc, iptables, tcpdump and netstat, one state after
# the other, with the sleeps that it takes to see each. Prints a line for each state and the whole wall time: the
# baseline that the benchmark compares tcplab with. Needs root.
set -u
id=$$ C=c$$ S=s$$
ip netns add $C
ip netns add $S
ip link add e$id netns $C type veth peer name f$id netns $S
ip -n $C addr add 192.168.2.10/24 dev e$id
ip -n $S addr add 192.168.2.11/24 dev f$id
for n in $C $S; do ip -n $n link set lo up; done
ip -n $C link set e$id up
ip -n $S link set f$id up
T=$(mktemp -d)

c() { ip netns exec $C "$@"; }
s() { ip netns exec $S "$@"; }
now() { date +%s%N; }
flush() {
  c iptables -F
  s iptables -F
  ip netns pids $C | xargs -r kill -9
  ip netns pids $S | xargs -r kill -9
  sleep .02
}
leave() {
  flush
  ip netns del $C
  ip netns del $S
  rm -rf "$T"
}
trap 'leave 2>/dev/null' EXIT

start() {
  t=$(now)
  c tcpdump -i e$id -w "$T/$1.c.pcap" -U tcp >/dev/null 2>&1 &
  s tcpdump -i f$id -w "$T/$1.s.pcap" -U tcp >/dev/null 2>&1 &
  sleep .3
}
serve() {
  s nc -l 80 >/dev/null &
  sleep .1
}
look() {
  printf '%-22s client[%s] server[%s] %d ms\n' "$1" \
    "$(c netstat -tan | awk 'NR>2{print $6}' | sort | xargs)" \
    "$(s netstat -tanp 2>/dev/null | awk 'NR>2{print $6}' | sort | xargs)" \
    $((($(now) - t) / 1000000))
}

all=$(now)

start listen
serve
look LISTEN
flush

start synsent
serve
s iptables -A INPUT -p tcp --dport 80 -j DROP
c sh -c 'sleep 99 | nc 192.168.2.11 80' &
sleep .2
look SYN_SENT
flush

start synrecv
serve
c iptables -A INPUT -p tcp --sport 80 -j DROP
c sh -c 'sleep 99 | nc 192.168.2.11 80' &
sleep .2
look SYN_RECV
flush

start estab
serve
c sh -c 'sleep 99 | nc 192.168.2.11 80' &
sleep .2
look ESTABLISHED
flush

start finwait1
serve
mkfifo "$T/f1"
c nc -N 192.168.2.11 80 <"$T/f1" &
exec 9>"$T/f1"
sleep .2
s iptables -A INPUT -p tcp --dport 80 -j DROP
exec 9>&-
sleep .2
look FIN_WAIT1
flush

start closewait
serve
c sh -c 'sleep 99 | nc 192.168.2.11 80' &
sleep .1
mkfifo "$T/f2"
c nc -N 192.168.2.11 80 <"$T/f2" &
exec 9>"$T/f2"
sleep .2
exec 9>&-
sleep .2
look CLOSE_WAIT/FIN_WAIT2
flush

start lastack
serve
mkfifo "$T/f3"
c nc 192.168.2.11 80 <"$T/f3" &
k=$!
exec 9>"$T/f3"
sleep .2
c iptables -A INPUT -p tcp --sport 80 -j DROP
kill $k
exec 9>&-
sleep .3
look LAST_ACK
flush

start timewait
serve
mkfifo "$T/f4"
c nc -N 192.168.2.11 80 <"$T/f4" &
exec 9>"$T/f4"
sleep .2
exec 9>&-
sleep .3
look TIME_WAIT
flush

echo "wall $((($(now) - all) / 1000000)) ms"
