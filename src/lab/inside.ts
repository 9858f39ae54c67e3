import { type HostName, otherHost } from '../evidence/events.ts';
import { systemCommand, UTIL_LINUX } from '../kernel/system-command.ts';
import type { OpenLab } from './open-labs.ts';

/** The command that runs another one in a host of an open lab: with names for both hosts, in a mount namespace of its own. */
export function commandInside(lab: OpenLab, host: HostName, argv: readonly string[]): string[] {
  const user = lab.userNamespace === null ? [] : [`--user=${lab.userNamespace}`, '--preserve-credentials'];
  const peer = otherHost(host);
  const names = [lab.addresses[host], host, lab.addresses[peer], peer];
  return [
    systemCommand('nsenter', UTIL_LINUX),
    ...user,
    `--net=${lab.networks[host]}`,
    '--',
    systemCommand('unshare', UTIL_LINUX),
    '--mount',
    '--',
    ...['/bin/sh', '-ec', FURNISH, 'tcplab', ...names, ...argv],
  ];
}

/** What a program inside finds in its environment. */
export function environmentInside(lab: OpenLab, host: HostName): NodeJS.ProcessEnv {
  return {
    TCPLAB_LAB: lab.name,
    TCPLAB_HOST: host,
    TCPLAB_CLIENT: lab.addresses.client,
    TCPLAB_SERVER: lab.addresses.server,
  };
}

/**
 * Prepares the mount namespace, which ends with its last process and leaves nothing: names in hosts(5), the host's own /sys, and in
 * front of PATH what would fail or leave something behind otherwise. All of it is in a tmpfs over an empty folder.
 * - tcpdump(8) gives up root for a user that a user namespace does not have.
 * - `ip netns` makes files in /run/netns of the machine.
 */
const FURNISH = String.raw`
own=$1 host=$2 other=$3 peer=$4
shift 4
folder=
for one in /srv /media /mnt /opt /var/opt /var/local /usr/local/src; do
  if [ -d $one ] && [ -z "$(ls -A $one)" ]; then folder=$one; break; fi
done
[ -n "$folder" ] || folder=$(find /usr /var /etc -xdev -type d -empty -print -quit 2>/dev/null) || :
if [ -z "$folder" ]; then
  echo "tcplab: this machine has no empty folder on which a shell's own files can be mounted; make one: mkdir /srv" >&2
  exit 3
fi
mount -t tmpfs -o mode=755 tcplab $folder
{ echo "$own $host"; echo "$other $peer"; cat /etc/hosts; } > $folder/hosts
mount --bind $folder/hosts /etc/hosts
mount -t sysfs sysfs /sys 2>/dev/null || :
mkdir $folder/bin
if real=$(command -v ip); then
  { echo "#!/bin/sh"; echo "real=$real"; cat <<'END'; } > $folder/bin/ip
for word; do
  case $word in
    -*) ;;
    netns)
      echo "tcplab: 'ip netns' would leave files on the machine; 'tcplab exec' gives a network of its own" >&2
      exit 1 ;;
    *) break ;;
  esac
done
exec "$real" "$@"
END
fi
if ! grep -q ' 4294967295$' /proc/self/uid_map && real=$(command -v tcpdump); then
  printf '#!/bin/sh\nexec %s -Z root "$@"\n' "$real" > $folder/bin/tcpdump
fi
chmod -R a+rx $folder/bin
PATH=$folder/bin:$PATH
export PATH
if [ $# -gt 0 ]; then exec "$@"; fi
shell=$SHELL
[ -n "$shell" ] || shell=/bin/sh
if ! [ -t 0 ]; then exec "$shell"; fi
title="$host of lab $TCPLAB_LAB"
if [ -t 1 ]; then printf '\033]0;%s\007' "$title"; fi
case $shell in
  */bash)
    { echo "host='$host' title='$title'"; cat <<'END'; } > $folder/rc
if [ -f ~/.bashrc ]; then . ~/.bashrc; fi
PS1="\[\e]0;$title\a\]($host) $PS1"
unset host title
END
    exec $shell --rcfile $folder/rc -i ;;
  */zsh)
    { echo "host='$host'"; cat <<'END'; } > $folder/.zshrc
if [ -f ~/.zshrc ]; then . ~/.zshrc; fi
PROMPT="($host) $PROMPT"
unset host
END
    ZDOTDIR=$folder exec $shell -i ;;
  *) PS1="($host) \$ " exec $shell -i ;;
esac`;
