import { fstatSync, statSync } from 'node:fs';
import { Command } from 'commander';
import { TcplabError } from '../error.ts';
import { Timeline } from '../evidence/timeline.ts';
import { RunFold } from '../report/run-fold.ts';
import { readTimeline } from '../report/timeline-file/read.ts';
import { EXIT } from './exit.ts';
import { readInput } from './input-file.ts';
import { addOutputOptions, type OutputOptions, openOutputs } from './outputs.ts';

export function replayCommand(): Command {
  const command = new Command('replay')
    .summary('show or export a saved run')
    .description(
      'Prints or exports everything a run could have, from the timeline that `tcplab run --timeline` saved. Needs no\n' +
        'privileges and no lab.',
    )
    .argument('<file>', 'the saved timeline; - for stdin');
  return addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  tcplab run --timeline run.ndjson && tcplab replay run.ndjson
  tcplab replay run.ndjson --pcap packets && wireshark packets/time-wait.pcapng
  tcplab replay run.ndjson --report run.html
  zcat run.ndjson.gz | tcplab replay - --json

Exit status: that of the run: 0 everything was proven, 1 something was not; or 2
invalid usage, or the timeline is incomplete.`,
    )
    .action(replay);
}

async function replay(file: string, options: OutputOptions): Promise<void> {
  const name = file === '-' ? 'stdin' : file;
  for (const output of [options.junit, options.report]) {
    if (output === undefined || !isSameFile(file, output)) continue;
    throw new TcplabError('USAGE', `${output} is the timeline itself, and would be overwritten`, {
      hint: 'name another file for the report',
    });
  }
  let fold: RunFold | undefined;
  let index = 0;
  try {
    for await (const piece of readTimeline(readInput(file), name)) {
      if (piece instanceof Timeline || piece.type === 'scenario-failed') {
        fold?.lab(index++, piece);
      } else if (piece.type === 'run-started') {
        fold = new RunFold(piece, await openOutputs(options, piece));
      } else {
        const results = fold?.end(piece.durationMs).results ?? [];
        const proven = results.every(({ verdict }) => verdict === 'proven');
        process.exitCode = proven ? EXIT.proven : EXIT.notProven;
      }
    }
  } catch (error) {
    if (error instanceof Error) fold?.fail(error.message);
    throw error;
  }
}

function isSameFile(input: string, output: string): boolean {
  try {
    const [a, b] = [input === '-' ? fstatSync(0) : statSync(input), statSync(output)];
    return a.isFile() && a.dev === b.dev && a.ino === b.ino;
  } catch {
    // A file that is missing can't be the other file; reading or writing it reports that.
    return false;
  }
}
