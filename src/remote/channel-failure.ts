import { TcplabError } from '../error.ts';
import { errorLine } from '../evidence/program-ends.ts';

/** What a shell, ssh, docker, kubectl or Node prints, what that means, and what to do. */
const MEANINGS: readonly [said: RegExp, means: string, hint: string][] = [
  [
    /no node$/m,
    'Node.js is not installed there',
    'install Node.js ^20.19 or 22.12 or later: the agent runs on it',
  ],
  [
    /Permission denied \(|Too many authentication failures/,
    'ssh could not log in without a password',
    'tcplab never lets ssh prompt: set up a key or an agent so that `ssh DESTINATION true` works without a prompt',
  ],
  [
    /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/,
    'ssh does not know its host key',
    'connect once with `ssh DESTINATION` and compare the key',
  ],
  [
    /Could not resolve hostname/,
    'its host name does not resolve',
    'check ~/.ssh/config, or try `ssh DESTINATION true`',
  ],
  [
    /Connection refused|Connection timed out|No route to host|Network is unreachable/,
    'it is unreachable',
    '',
  ],
  [/ENOSPC|No space left on device/, 'its disk is full', 'set TMPDIR there to a folder with 2 MB of space'],
  [/EROFS|Read-only file system/, 'it has no writable folder', 'set TMPDIR there to one'],
  [
    /nsenter: .*Operation not permitted|nsenter: cannot open/,
    "its network namespace can't be entered",
    'run tcplab as root',
  ],
  [/: not found|No such file or directory|ENOENT/, 'a command was not found', ''],
];

/**
 * Explains why an agent has exited, or did not start. `status` is that of the command that started it, or the signal that killed it, `said` what
 * it printed, `wasThere` whether the agent had answered before.
 */
export function explainFailure(
  place: string,
  status: number | NodeJS.Signals,
  said: string,
  wasThere: boolean,
  cannot = `cannot start an agent on ${place}`,
): TcplabError {
  const last = errorLine(said);
  const ended = typeof status === 'number' ? `exited with status ${status}` : `killed by ${status}`;
  const destination = place.startsWith('ssh:') ? place.slice(4) : 'DESTINATION';
  const known = MEANINGS.find(([pattern]) => pattern.test(said));
  if (wasThere) {
    return new TcplabError('SYSTEM', `lost the connection to ${place}: ${last ?? ended}`, {
      hint: 'its agent or watchdog undoes all changes made there, within 10 s',
    });
  }
  if (!known) return new TcplabError('MACHINE', `${cannot}: ${last ?? ended}`);
  const [, means, hint] = known;
  return new TcplabError(
    'MACHINE',
    `${cannot}: ${means}${last && !/no node$/.test(last) ? ` (${last})` : ''}`,
    {
      hint: hint.replaceAll('DESTINATION', destination) || undefined,
    },
  );
}
