import { TcplabError } from '../error.ts';
import { tellingLine } from '../evidence/program-ends.ts';

/** What a shell, ssh, docker, kubectl or Node say, and what that means. */
const MEANINGS: readonly [said: RegExp, means: string, hint: string][] = [
  [/no node$/m, 'there is no Node.js there', 'install it (^20.19 or 22.12 and later): an agent runs on it'],
  [
    /Permission denied \(|Too many authentication failures/,
    'ssh is not let in without a password',
    'set up a key or an agent, so that `ssh DESTINATION true` works without a question',
  ],
  [
    /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/,
    'its host key is not known to ssh',
    'connect once by hand (`ssh DESTINATION`), and compare the key',
  ],
  [/Could not resolve hostname/, 'there is no such host', 'see ~/.ssh/config, or `ssh DESTINATION`'],
  [
    /Connection refused|Connection timed out|No route to host|Network is unreachable/,
    'it can’t be reached',
    '',
  ],
  [/ENOSPC|No space left on device/, 'its disk is full', 'TMPDIR may name a folder with room'],
  [/EROFS|Read-only file system/, 'it has no folder to write to', 'TMPDIR may name one'],
  [/nsenter: .*Operation not permitted|nsenter: cannot open/, 'its network can’t be entered', 'run as root'],
  [/: not found|No such file or directory|ENOENT/, 'a command is not there', ''],
];

/** Why an agent is gone, or was never there. `wasThere`: it had answered before. */
export function explainFailure(place: string, status: number, said: string, wasThere: boolean): TcplabError {
  const last = tellingLine(said);
  const quoted = last ? `: ${last}` : '';
  const destination = place.replace(/^ssh:/, '');
  const known = MEANINGS.find(([pattern]) => pattern.test(said));
  if (wasThere) {
    return new TcplabError('SYSTEM', `the way to ${place} broke off${quoted || ` (status ${status})`}`, {
      hint: 'what was set there is lifted by its agent, or within ten seconds by the agent’s watchdog',
    });
  }
  if (!known)
    return new TcplabError('MACHINE', `no agent at ${place}${quoted || `: it ended with status ${status}`}`);
  const [, means, hint] = known;
  return new TcplabError(
    'MACHINE',
    `no agent at ${place}: ${means}${last && !/no node$/.test(last) ? ` (${last})` : ''}`,
    {
      hint: hint.replaceAll('DESTINATION', destination) || undefined,
    },
  );
}
