import { join } from 'node:path';
import type { RunStarted } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { seenOn } from '../evidence/watch/seen-connections.ts';
import { localeIsUtf8 } from '../report/terminal/ladder/glyphs.ts';
import { formatLadder } from '../report/terminal/ladder/ladder.ts';
import { styleFor } from '../report/terminal/style.ts';
import { OutputFile, openFolder, writeWhole } from './output-file.ts';
import { refuseInFolder, refuseSameFile } from './same-file.ts';

export interface WatchedOutputOptions {
  ladder?: boolean;
  ascii?: boolean;
  report?: string;
  pcap?: string;
  timeline?: string;
}

/** Makes what is asked for of a lab that was watched, from its whole timeline. */
export type WatchedOutput = (timeline: Timeline, started: RunStarted) => void;

/** Opens the files before anything is watched, and loads what makes them. */
export async function openWatchedOutputs(options: WatchedOutputOptions): Promise<WatchedOutput> {
  const { ladder, ascii, report, pcap, timeline: saved } = options;
  refuseSameFile({ timeline: saved, report });
  const outputs: WatchedOutput[] = [];
  if (ladder) outputs.push((timeline) => process.stdout.write(ladders(timeline, ascii ?? false)));
  if (report !== undefined) {
    const file = new OutputFile(report);
    const { formatHtml } = await import('../report/pages/html.ts');
    const { watchedPage } = await import('../report/pages/watched.ts');
    outputs.push((...watched) => file.finish(formatHtml(watchedPage(...watched))));
  }
  if (pcap !== undefined) {
    refuseInFolder(pcap, { timeline: saved, report });
    openFolder(pcap);
    const { formatPcapng } = await import('../report/files/pcapng/pcapng.ts');
    outputs.push((...watched) => writeWhole(join(pcap, 'watched.pcapng'), formatPcapng(...watched)));
  }
  return (...watched) => {
    for (const output of outputs) output(...watched);
  };
}

/** One for each connection. */
function ladders(timeline: Timeline, ascii: boolean): string {
  const style = styleFor(process.stdout);
  const options = { ascii: ascii || !localeIsUtf8(process.env), style, width: process.stdout.columns || 80 };
  return seenOn(timeline)
    .connections.map(({ number, connection }) => {
      const ladder = formatLadder(timeline, { ...options, connection, isAlone: true });
      return `\n${style.bold(`connection ${number}`)}\n${ladder}`;
    })
    .join('');
}
