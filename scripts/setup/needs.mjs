/**
 * Something of the system that tcplab or its tests use, and the package that brings it.
 * @typedef {object} Need
 * @property {string} [library] a shared library, by its soname
 * @property {string} [command] a command, by its name
 * @property {RegExp} [flavour] what `command -h` has to say, where several programs share the name
 * @property {string} why
 * @property {{ apt: string, dnf: string, apk: string, pacman: string }} packages
 */

/**
 * What `npm start` needs.
 * @type {Need[]}
 */
export const runtimeNeeds = [
  {
    library: 'libnftables.so.1',
    why: "sets the lab's packet-filter rules",
    packages: { apt: 'libnftables1', dnf: 'nftables', apk: 'nftables', pacman: 'nftables' },
  },
];

const BY_SSH = 'lets a test reach hosts by ssh';
const BY_CHECK = 'is a program that the tests of `tcplab check` serve';

/**
 * What `npm test` also needs: mainly the tools whose output is compared with tcplab's.
 * @type {Need[]}
 */
export const testNeeds = [
  tool('ss', { apt: 'iproute2', dnf: 'iproute', apk: 'iproute2', pacman: 'iproute2' }),
  tool('ip', { apt: 'iproute2', dnf: 'iproute', apk: 'iproute2', pacman: 'iproute2' }),
  tool('nft', { apt: 'nftables', dnf: 'nftables', apk: 'nftables', pacman: 'nftables' }),
  tool('iptables', { apt: 'iptables', dnf: 'iptables-nft', apk: 'iptables', pacman: 'iptables' }),
  tool('tcpdump', { apt: 'tcpdump', dnf: 'tcpdump', apk: 'tcpdump', pacman: 'tcpdump' }),
  tool('tshark', { apt: 'tshark', dnf: 'wireshark-cli', apk: 'tshark', pacman: 'wireshark-cli' }),
  tool('ping', { apt: 'iputils-ping', dnf: 'iputils', apk: 'iputils-ping', pacman: 'iputils' }),
  tool('lsof', { apt: 'lsof', dnf: 'lsof', apk: 'lsof', pacman: 'lsof' }),
  tool('conntrack', {
    apt: 'conntrack',
    dnf: 'conntrack-tools',
    apk: 'conntrack-tools',
    pacman: 'conntrack-tools',
  }),
  tool('bpftool', { apt: 'bpftool', dnf: 'bpftool', apk: 'bpftool', pacman: 'bpf' }),
  tool('bpftrace', { apt: 'bpftrace', dnf: 'bpftrace', apk: 'bpftrace', pacman: 'bpftrace' }),
  {
    ...tool('nc', { apt: 'netcat-openbsd', dnf: 'netcat', apk: 'netcat-openbsd', pacman: 'openbsd-netcat' }),
    flavour: /OpenBSD|usage: nc \[-46/,
  },
  tool('telnet', { apt: 'inetutils-telnet', dnf: 'telnet', apk: 'busybox-extras', pacman: 'inetutils' }),
  tool('netstat', { apt: 'net-tools', dnf: 'net-tools', apk: 'net-tools', pacman: 'net-tools' }),
  {
    command: 'unshare',
    why: 'gives the tests namespaces of their own',
    packages: { apt: 'util-linux', dnf: 'util-linux', apk: 'util-linux-misc', pacman: 'util-linux' },
  },
  {
    command: 'script',
    why: 'gives the programs of the by-hand tests a terminal',
    packages: { apt: 'bsdutils', dnf: 'util-linux-script', apk: 'util-linux-misc', pacman: 'util-linux' },
  },
  {
    command: 'tmux',
    why: 'shows the live view of `hold` to the tests',
    packages: { apt: 'tmux', dnf: 'tmux', apk: 'tmux', pacman: 'tmux' },
  },
  {
    command: 'python3',
    why: 'makes the system calls that nc cannot',
    packages: { apt: 'python3', dnf: 'python3', apk: 'python3', pacman: 'python' },
  },
  {
    command: 'curl',
    why: BY_CHECK,
    packages: { apt: 'curl', dnf: 'curl', apk: 'curl', pacman: 'curl' },
  },
  {
    command: 'redis-cli',
    why: BY_CHECK,
    packages: { apt: 'redis-tools', dnf: 'redis', apk: 'redis', pacman: 'redis' },
  },
  {
    command: 'mosquitto_sub',
    why: BY_CHECK,
    packages: { apt: 'mosquitto-clients', dnf: 'mosquitto', apk: 'mosquitto-clients', pacman: 'mosquitto' },
  },
  {
    command: 'sysctl',
    why: 'sets what the by-hand commands set',
    packages: { apt: 'procps', dnf: 'procps-ng', apk: 'procps', pacman: 'procps-ng' },
  },
  {
    command: 'chromium',
    why: 'shows the pages to the tests',
    packages: { apt: 'chromium', dnf: 'chromium-headless', apk: 'chromium', pacman: 'chromium' },
  },
  {
    command: 'setpriv',
    why: 'runs tests as an ordinary user',
    packages: { apt: 'util-linux', dnf: 'util-linux', apk: 'setpriv', pacman: 'util-linux' },
  },
  {
    command: 'sshd',
    why: BY_SSH,
    packages: { apt: 'openssh-server', dnf: 'openssh-server', apk: 'openssh-server', pacman: 'openssh' },
  },
  {
    command: 'ssh',
    why: BY_SSH,
    packages: { apt: 'openssh-client', dnf: 'openssh-clients', apk: 'openssh-client', pacman: 'openssh' },
  },
  {
    command: 'nsenter',
    why: BY_SSH,
    packages: { apt: 'util-linux', dnf: 'util-linux', apk: 'util-linux-misc', pacman: 'util-linux' },
  },
];

/**
 * @param {string} command
 * @param {Need['packages']} packages
 * @returns {Need}
 */
function tool(command, packages) {
  return { command, why: 'the tests compare with it', packages };
}
