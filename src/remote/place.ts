import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DIST } from '../dist.ts';
import { TcplabError } from '../error.ts';
import { shellWord } from '../lab/shell-word.ts';

/**
 * Where a host is: `local`, `pid:1234` or `netns:NAME` on this machine; `ssh:user@a` on another; `exec:COMMAND` wherever COMMAND
 * runs what follows it (`docker exec -i web`, `kubectl exec -i pod/x --`).
 */
export interface Place {
  /** As it was named. */
  name: string;
  /** The command that runs a program there, with these words; a terminal when it is for a person. */
  command(words: readonly string[], terminal?: boolean): string[];
  /** Whether tcplab is there as it is here. */
  isHere: boolean;
}

/** The kinds of hosts, as help and errors name them. */
export const HOST_KINDS: string = 'ssh:user@host, exec:COMMAND, pid:NUMBER, netns:NAME or local';

/** The error for a text that does not name a host. */
export function unknownHost(name: string): TcplabError {
  return new TcplabError('USAGE', `unknown host '${name}': expected ${HOST_KINDS}`);
}

/** Whether a text names a host, rather than the command of a program. */
export function isPlace(text: string): boolean {
  return text === 'local' || /^(ssh|exec|pid|netns|local):/.test(text);
}

export function parsePlace(name: string): Place {
  const [, kind, rest = ''] = /^(\w+)(?::(.*))?$/s.exec(name.trim()) ?? [];
  switch (kind) {
    case 'local':
      if (rest) break;
      return { name, isHere: true, command: (words) => [...words] };
    case 'ssh':
      if (!rest || rest.startsWith('-') || /\s/.test(rest)) break;
      return { name, isHere: false, command: (words, terminal) => sshCommand(rest, words, terminal) };
    case 'exec':
      if (!rest.trim()) break;
      return {
        name,
        isHere: false,
        command: (words) => ['sh', '-c', `${rest} ${words.map(shellWord).join(' ')}`],
      };
    case 'pid': {
      if (!/^\d+$/.test(rest)) break;
      const network = `/proc/${rest}/ns/net`;
      if (!existsSync(network)) throw new TcplabError('USAGE', `process ${rest} does not exist`);
      return inNetwork(name, network);
    }
    case 'netns': {
      if (!/^[^/\s]+$/.test(rest)) break;
      const network = `/run/netns/${rest}`;
      if (!existsSync(network)) {
        throw new TcplabError('USAGE', `network namespace '${rest}' does not exist`, {
          hint: '`ip netns list` shows the existing ones',
        });
      }
      return inNetwork(name, network);
    }
  }
  throw unknownHost(name);
}

function inNetwork(name: string, network: string): Place {
  return { name, isHere: true, command: (words) => ['nsenter', `--net=${network}`, '--', ...words] };
}

/**
 * With all of the user's own configuration, but never with a question: there is nobody to answer it. TCPLAB_SSH names another
 * program, or ssh with options of its own, for the shell.
 */
function sshCommand(destination: string, words: readonly string[], terminal = false): string[] {
  const ssh = process.env['TCPLAB_SSH'] ?? 'ssh';
  const options = `${terminal ? '-tt' : '-T'} -o BatchMode=yes`;
  // The remote shell parses ssh's command once more.
  return [
    'sh',
    '-c',
    `exec ${ssh} ${options} ${shellWord(destination)} ${shellWord(words.map(shellWord).join(' '))}`,
  ];
}

/** The words that start an agent where tcplab is as it is here. */
export function agentHere(): string[] {
  const main = fileURLToPath(new URL('cli/main.js', DIST));
  return [process.execPath, main, 'agent'];
}
