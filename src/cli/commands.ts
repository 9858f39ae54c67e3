import { Command } from 'commander';

interface About {
  /** In `tcplab --help`; one without a group is not shown there. */
  group?: 'make' | 'judge' | 'explain' | 'more';
  /** What has to follow its name. */
  argument?: string;
  summary: string;
}

export type CommandName =
  | 'run'
  | 'hold'
  | 'ui'
  | 'lab'
  | 'enter'
  | 'check'
  | 'why'
  | 'explain'
  | 'doctor'
  | 'list'
  | 'arcs'
  | 'matrix'
  | 'exec'
  | 'read'
  | 'replay'
  | 'clean'
  | 'agent';

/** All commands, in the order of `tcplab --help`, which so needs none of them loaded. */
export const COMMANDS: Readonly<Record<CommandName, About>> = {
  run: { group: 'make', summary: 'put connections into states and prove each one' },
  hold: { group: 'make', argument: '<name>', summary: 'put a connection into a state and keep it there' },
  ui: { group: 'make', summary: 'do it in the browser: click a state and watch' },
  lab: { group: 'make', summary: 'two empty hosts, for your own hands' },
  enter: { group: 'more', summary: 'a shell inside a host of a lab' },
  check: {
    group: 'judge',
    argument: '<kind>',
    summary: 'run a program against network faults and report',
  },
  why: { group: 'explain', summary: 'explain stuck sockets, live or pasted' },
  read: {
    group: 'explain',
    argument: '<capture>',
    summary: 'what a pcap shows of both ends, and what it hides',
  },
  explain: { group: 'explain', argument: '<name>', summary: 'what a state means, what ends it, what to do' },
  doctor: { group: 'more', summary: 'check this machine and show how to fix problems' },
  list: { group: 'more', summary: 'list all scenarios' },
  arcs: { group: 'more', summary: 'prove all state transitions' },
  matrix: { group: 'more', summary: 'each event in each state, against RFC 9293' },
  exec: { group: 'more', summary: 'run a command in a private network, without root' },
  replay: { group: 'more', summary: 'show or export a saved run' },
  clean: { group: 'more', summary: 'undo what a crashed run left on a remote host' },
  agent: { summary: 'serve a remote tcplab over standard input and output' },
};

export function newCommand(name: CommandName): Command {
  return new Command(name).summary(COMMANDS[name].summary);
}
