import { fstatSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { TcplabError } from '../error.ts';
import type { RunStarted } from '../evidence/events.ts';
import { Timeline } from '../evidence/timeline.ts';
import { readTimeline } from '../report/files/timeline/read.ts';
import { RunFold } from '../report/story/run-fold.ts';
import { newCommand } from './commands.ts';
import { EXIT } from './exit.ts';
import { helpEnd } from './help.ts';
import { readInput } from './input-file.ts';
import { addOutputOptions, type OutputOptions, openOutputs } from './outputs.ts';
import { replayWatched, WATCHED } from './watch-lab.ts';
import { openWatchedOutputs, type WatchedOutput } from './watched-outputs.ts';

export function replayCommand(): Command {
  const command = newCommand('replay')
    .description(
      'Print or export what a run with `tcplab run --timeline` saved, in any form that `tcplab run` can. Needs no ' +
        'privileges and no lab.',
    )
    .argument('<file>', 'the saved timeline, or - for standard input');
  return addOutputOptions(command)
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab run --timeline run.ndjson && tcplab replay run.ndjson',
          'tcplab replay run.ndjson --pcap packets && wireshark packets/time-wait.pcapng',
          'tcplab replay run.ndjson --report run.html',
          'zcat run.ndjson.gz | tcplab replay - --json',
        ],
        "Exit status: the run's own: 0 all proven, 1 something not proven; 2 invalid usage, or an incomplete timeline.",
      ),
    )
    .action(replay);
}

async function replay(file: string, options: OutputOptions): Promise<void> {
  await replayTimeline(file, readInput(file), options);
}

/** Prints and exports a saved timeline. `file`: its name, where `-` is standard input. */
export async function replayTimeline(
  file: string,
  chunks: AsyncIterable<Uint8Array>,
  options: OutputOptions,
): Promise<void> {
  const name = file === '-' ? 'stdin' : file;
  for (const output of [options.junit, options.report]) {
    if (output === undefined || !isSameFile(file, output)) continue;
    throw new TcplabError('USAGE', `${output} is the timeline itself, and would be overwritten`, {
      hint: 'name another file for the report',
    });
  }
  let fold: RunFold | undefined;
  let index = 0;
  let watched: { started: RunStarted; output: WatchedOutput } | undefined;
  try {
    for await (const piece of readTimeline(chunks, name)) {
      if (piece instanceof Timeline && piece.of('lab-opened')[0]?.watched) {
        replayWatched(piece, options.json ?? false);
        watched?.output(piece, watched.started);
      } else if (piece instanceof Timeline || piece.type === 'scenario-failed') {
        fold?.lab(index++, piece);
      } else if (piece.type === 'run-started') {
        if (piece.scenarios.some(({ id }) => id === WATCHED.id)) {
          refuseFiles(options);
          watched = { started: piece, output: await openWatchedOutputs(options) };
          continue;
        }
        fold = new RunFold(piece, await openOutputs(options, piece));
      } else {
        if (watched) continue;
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

/** Of a lab that was watched, there is no result of a scenario. */
function refuseFiles(options: OutputOptions): void {
  for (const name of ['tap', 'junit'] as const) {
    if (!options[name]) continue;
    throw new TcplabError(
      'USAGE',
      `--${name} needs the result of a scenario, and this lab was only watched`,
      {
        hint: 'without it, replay prints what was seen; --json, --ladder, --report and --pcap give it in other forms',
      },
    );
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
