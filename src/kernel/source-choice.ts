import { TcplabError } from '../error.ts';

/** For tests, and to compare with the other source. */
export const SOURCE_VARIABLE = 'TCPLAB_KERNEL_EVENTS';

const CHOICES = ['bpf', 'tracefs', 'none'] as const;
type SourceChoice = (typeof CHOICES)[number];

/** The source of kernel events that the environment names; undefined if it names none. Throws USAGE for another word. */
export function sourceChoice(): SourceChoice | undefined {
  const word = process.env[SOURCE_VARIABLE];
  const choice = CHOICES.find((each) => each === word);
  if (word === undefined || choice !== undefined) return choice;
  throw new TcplabError('USAGE', `${SOURCE_VARIABLE}=${word} names no source of kernel events`, {
    hint: `use one of ${CHOICES.join(', ')}, or unset the variable`,
  });
}
