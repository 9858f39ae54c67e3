import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { RunStarted } from '../evidence/events.ts';
import { Timeline } from '../evidence/timeline.ts';
import { formatHtml } from '../report/html/html.ts';
import { RunPage } from '../report/html/run.ts';
import { formatJunit } from '../report/junit.ts';
import { localeIsUtf8 } from '../report/ladder/glyphs.ts';
import { formatLadder } from '../report/ladder/ladder.ts';
import { formatPcapng } from '../report/pcapng/pcapng.ts';
import type { RunOutput } from '../report/run-fold.ts';
import { styleFor } from '../report/style.ts';
import { formatTable } from '../report/table.ts';
import { tapBailOut, tapPoint, tapStart } from '../report/tap.ts';
import { TimelineWriter } from '../report/timeline-file/write.ts';
import { OutputFile, openFolder, refuseSameFile, writeWhole } from './output-file.ts';

/** What can be made of a run, while it goes on or from its saved timeline. */
export interface OutputOptions {
  json?: boolean;
  tap?: boolean;
  junit?: string;
  report?: string;
  pcap?: string;
  ladder?: boolean;
  ascii?: boolean;
  timeline?: string;
}

export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON object (schema/run.schema.json)')
    .addOption(new Option('--tap', 'print in the Test Anything Protocol').conflicts('json'))
    .option('--junit <file>', 'write a JUnit report')
    .option('--report <file>', 'write a page to look at: one HTML file, with all of it')
    .addOption(new Option('--ladder', 'draw what both hosts did, above the table').conflicts(['json', 'tap']))
    .option('--ascii', 'draw with ASCII alone')
    .option('--pcap <folder>', 'write the packets of each scenario for Wireshark: FOLDER/SCENARIO.pcapng');
}

/** Opens all that is asked for; what can't be written is wrong use, and known before anything has run. */
export function openOutputs(options: OutputOptions, started: RunStarted): RunOutput[] {
  const { json, tap, junit, pcap, timeline, report } = options;
  refuseSameFile({ junit, timeline, report });
  const outputs: RunOutput[] = [];
  if (pcap !== undefined) outputs.push(pcapOutput(pcap, started));
  if (timeline !== undefined) outputs.push(timelineOutput(new OutputFile(timeline), started));
  if (junit !== undefined) outputs.push(junitOutput(new OutputFile(junit)));
  if (report !== undefined) outputs.push(reportOutput(new OutputFile(report), started));
  if (options.ladder) outputs.push(ladderOutput(options.ascii || !localeIsUtf8(process.env)));
  outputs.push(tap ? tapOutput(started) : json ? jsonOutput() : tableOutput(started));
  return outputs;
}

function tableOutput({ scenarios }: RunStarted): RunOutput {
  const heldBy = new Map(scenarios.map((scenario) => [scenario.id, scenario.heldBy]));
  const style = styleFor(process.stdout);
  return { end: (report) => print(formatTable(report, (id) => heldBy.get(id), style)) };
}

function ladderOutput(ascii: boolean): RunOutput {
  const style = styleFor(process.stdout);
  return {
    lab: ({ outcome }) => {
      if (outcome instanceof Timeline) print(`${formatLadder(outcome, { ascii, style }).trimEnd()}\n\n`);
    },
  };
}

function jsonOutput(): RunOutput {
  return { end: (report) => print(`${JSON.stringify(report)}\n`) };
}

function tapOutput({ scenarios, repeat }: RunStarted): RunOutput {
  let place = 0;
  print(tapStart(scenarios.length * repeat));
  return {
    lab: (lab) => print(tapPoint(++place, lab)),
    fail: (why) => print(tapBailOut(why)),
  };
}

function junitOutput(file: OutputFile): RunOutput {
  return {
    end: (report) => {
      file.write(formatJunit(report));
      file.close();
    },
  };
}

function timelineOutput(file: OutputFile, started: RunStarted): RunOutput {
  const writer = new TimelineWriter();
  file.write(writer.start(started));
  return {
    lab: ({ outcome }) => file.write(writer.lab(outcome)),
    end: ({ durationMs }) => {
      file.write(writer.end(durationMs));
      file.close();
    },
  };
}

function reportOutput(file: OutputFile, started: RunStarted): RunOutput {
  const page = new RunPage(started);
  return {
    lab: (lab) => page.add(lab),
    end: (report) => {
      file.write(formatHtml(page.end(report)));
      file.close();
    },
  };
}

function pcapOutput(folder: string, started: RunStarted): RunOutput {
  openFolder(folder);
  return {
    lab: ({ outcome, result, number }) => {
      if (!(outcome instanceof Timeline)) return;
      const name = number === null ? result.scenario : `${result.scenario}.${number}`;
      writeWhole(join(folder, `${name}.pcapng`), formatPcapng(outcome, started));
    },
  };
}

function print(text: string): void {
  process.stdout.write(text);
}
