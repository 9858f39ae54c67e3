import { arch, release } from 'node:os';
import { Command } from 'commander';
import { TcplabError } from '../error.ts';
import { VERSION } from '../evidence/version.ts';
import { containerHint } from '../kernel/container.ts';
import { type Ability, tryAbilities } from '../lab/abilities.ts';
import { pad, wrap } from '../report/layout.ts';
import { styleFor } from '../report/style.ts';
import { EXIT } from './exit.ts';
import { ensurePrivilege } from './privileges.ts';

export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('what this machine can and cannot do, and what mends it')
    .description('Tries everything that tcplab uses of this machine and says what mends what is missing.')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  tcplab doctor
  sudo tcplab doctor          with root there are three witnesses

Exit status: 0 labs work here, 3 they do not.`,
    )
    .action(doctor);
}

async function doctor({ json }: { json?: boolean }): Promise<void> {
  const abilities = await examine();
  const works = abilities.every((ability) => ability.works || !ability.needed);
  const machine = { kernel: release(), arch: arch(), node: process.version, tcplab: VERSION };
  if (json) process.stdout.write(`${JSON.stringify({ machine, works, abilities })}\n`);
  else print(machine, works, abilities);
  process.exitCode = works ? EXIT.proven : EXIT.machineCannot;
}

/** Without network namespaces nothing else can be tried. */
async function examine(): Promise<Ability[]> {
  const namespaces = { name: 'network namespaces', gives: 'two hosts on one machine', needed: true };
  try {
    const privilege = ensurePrivilege();
    const gives = `${namespaces.gives}, ${privilege === 'root' ? 'as root' : 'in a user namespace'}`;
    return [{ ...namespaces, gives, works: true, why: null, mend: null }, ...(await tryAbilities())];
  } catch (error) {
    if (!(error instanceof TcplabError)) throw error;
    return [{ ...namespaces, works: false, why: error.message, mend: containerHint() ?? MEND_NAMESPACES }];
  }
}

const MEND_NAMESPACES =
  'run as root; or allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1 (Debian), kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), user.max_user_namespaces=10000';

function print(machine: Record<string, string>, works: boolean, abilities: Ability[]): void {
  const style = styleFor(process.stdout);
  const lines = abilities.flatMap(({ name, gives, needed, works: ok, why, mend }) => {
    const sign = ok ? style.good('ok     ') : needed ? style.bad('missing') : style.unsure('without');
    const line = `${sign}  ${pad(name, 20)}${gives}`;
    return [
      line,
      ...[why, mend && `mend: ${mend}`].flatMap((text) => (text ? wrap(text, 80, ' '.repeat(9)) : [])),
    ];
  });
  const verdict = works ? style.good('Labs work here.') : style.bad('Labs do not work here.');
  const about = Object.entries(machine).map(([what, version]) => `${what} ${version}`);
  process.stdout.write(`${style.dim(about.join(' · '))}\n${[...lines, verdict].join('\n')}\n`);
}
