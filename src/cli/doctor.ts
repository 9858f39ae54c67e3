import { arch, release } from 'node:os';
import type { Command } from 'commander';
import { TcplabError } from '../error.ts';
import { VERSION } from '../evidence/version.ts';
import { type Ability, tryAbilities } from '../lab/abilities.ts';
import { pad, wrap, wrapBeside } from '../report/terminal/layout.ts';
import { styleFor } from '../report/terminal/style.ts';
import { newCommand } from './commands.ts';
import { EXIT } from './exit.ts';
import { helpEnd, helpWidth } from './help.ts';
import { ensurePrivilege } from './privileges.ts';

export function doctorCommand(): Command {
  return newCommand('doctor')
    .description('Try everything that tcplab needs of this machine, and show how to fix what is missing.')
    .option('--json', 'JSON on standard output')
    .addHelpText(
      'after',
      helpEnd(
        ['tcplab doctor', 'sudo tcplab doctor    # root has a third witness'],
        'Exit status: 0 labs work on this machine, 2 invalid usage, 3 labs do not work.',
      ),
    )
    .action(doctor);
}

async function doctor({ json }: { json?: boolean }): Promise<void> {
  const { privilege, abilities } = await examine();
  const works = abilities.every((ability) => ability.works || !ability.needed);
  const machine = { kernel: release(), arch: arch(), node: process.version, tcplab: VERSION };
  if (json) process.stdout.write(`${JSON.stringify({ machine, works, abilities })}\n`);
  else print(machine, privilege, abilities);
  process.exitCode = works ? EXIT.proven : EXIT.machineCannot;
}

/** Without network namespaces nothing else can be tried. */
async function examine(): Promise<{ privilege: string; abilities: Ability[] }> {
  const namespaces = { name: 'network namespaces', gives: 'two hosts on one machine', needed: true };
  try {
    const privilege = ensurePrivilege() === 'root' ? 'as root' : 'in a user namespace';
    const gives = `${namespaces.gives}, ${privilege}`;
    const rest = await tryAbilities();
    return { privilege, abilities: [{ ...namespaces, gives, works: true, why: null, mend: null }, ...rest] };
  } catch (error) {
    if (!(error instanceof TcplabError)) throw error;
    const { message, hint = null } = error;
    return {
      privilege: 'without the privileges for labs',
      abilities: [{ ...namespaces, works: false, why: message, mend: hint }],
    };
  }
}

function print(machine: Record<string, string>, privilege: string, abilities: Ability[]): void {
  const style = styleFor(process.stdout);
  const width = helpWidth();
  const about = Object.entries(machine).map(([what, version]) => `${what} ${version}`);
  const lines = abilities.flatMap(({ name, gives, needed, works, why, mend }) => {
    const sign = works ? style.good('ok      ') : needed ? style.bad('missing ') : style.unsure('optional');
    const reasons = [why, mend && `fix: ${mend}`].filter((text) => text !== null);
    const line = wrapBeside(`${sign}  ${pad(name, 20)}`, gives, width);
    return [...line, ...reasons.map((text) => wrap(text, width, ' '.repeat(10)))];
  });
  process.stdout.write(
    `${style.dim(wrap([...about, privilege].join(' · '), width))}\n${[...lines, verdict(abilities)].join('\n')}\n`,
  );
}

/** The last line, with the reason. */
function verdict(abilities: Ability[]): string {
  const style = styleFor(process.stdout);
  const missing = abilities.filter(({ works }) => !works);
  const namesOf = (some: Ability[]) => some.map(({ name }) => name).join(', ');
  const needed = missing.filter((ability) => ability.needed);
  if (needed.length > 0)
    return style.bad(wrap(`Labs do not work here. Missing: ${namesOf(needed)}.`, helpWidth()));
  const without = missing.length > 0 ? ` Missing, but optional: ${namesOf(missing)}.` : '';
  return style.good(wrap(`Labs work here.${without}`, helpWidth()));
}
