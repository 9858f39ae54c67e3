import type { HostName } from './events.ts';
import type { Timeline } from './timeline.ts';

/** A program that exited on its own before the timeline ended. */
export interface ProgramEnd {
  host: HostName;
  /** As it would be typed into a shell. */
  command: string;
  /** As a shell gives it: 128 and the signal's number when a signal ended it. */
  status: number;
  /** The line of its output that best explains why; undefined if it wrote nothing. */
  lastWords: string | undefined;
}

/** The programs that ended by themselves, the first one first: a timeline is over before tcplab ends the others. */
export function programEnds(timeline: Timeline): ProgramEnd[] {
  return timeline.of('program-ended').flatMap(({ host, program, status }) => {
    const command = timeline.of('program-started').find((event) => event.program === program)?.command;
    if (command === undefined) return [];
    const said = timeline.of('program-said').filter((event) => event.program === program);
    return [{ host, command, status, lastWords: errorLine(said.map(({ text }) => text).join('')) }];
  });
}

/** `the client's program (nc 192.168.2.11 80) exited with status 1: connection refused` */
export function describeProgramEnd({ host, command, status, lastWords }: ProgramEnd): string {
  const said = lastWords === undefined ? '' : `: ${lastWords}`;
  return `the ${host}'s program (${command}) exited with status ${status}${said}`;
}

/** The line of a program's output that best explains why it exited: its error, else its last line. */
export function errorLine(output: string): string | undefined {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  return lines.findLast((line) => /^\w*(Error|Exception)\b|\berror:/i.test(line)) ?? lines.at(-1);
}
