import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { RunStarted } from '../evidence/events.ts';
import { Timeline } from '../evidence/timeline.ts';
import { formatJunit } from '../report/files/junit.ts';
import { tapBailOut, tapPoint, tapStart } from '../report/files/tap.ts';
import { TimelineWriter } from '../report/files/timeline/write.ts';
import type { RunOutput } from '../report/story/run-fold.ts';
import { localeIsUtf8 } from '../report/terminal/ladder/glyphs.ts';
import { formatLadder } from '../report/terminal/ladder/ladder.ts';
import { styleFor } from '../report/terminal/style.ts';
import { formatTable } from '../report/terminal/table.ts';
import { OPTION_GROUPS } from './help.ts';
import { OutputFile, openFolder, writeWhole } from './output-file.ts';
import { refuseInFolder, refuseSameFile } from './same-file.ts';

/** The output files of a run, made while it runs or from its saved timeline. */
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
    .addOption(new Option('--ladder', 'sequence diagram of each scenario').conflicts(['json', 'tap']))
    .option('--json', 'JSON on standard output (schema/run.schema.json)')
    .option('--report <file>', 'HTML report in one file')
    .addOption(
      new Option('--pcap <folder>', 'packets for Wireshark, in FOLDER/SCENARIO.pcapng').helpGroup(
        OPTION_GROUPS.output,
      ),
    )
    .addOption(new Option('--junit <file>', 'JUnit report').helpGroup(OPTION_GROUPS.output))
    .addOption(
      new Option('--tap', 'Test Anything Protocol on standard output')
        .conflicts('json')
        .helpGroup(OPTION_GROUPS.output),
    )
    .addOption(new Option('--ascii', 'diagrams in plain ASCII').helpGroup(OPTION_GROUPS.output));
}

/**
 * Opens all that is asked for, and loads what makes it; what can't be written is wrong use, and known before anything
 * has run.
 */
export async function openOutputs(options: OutputOptions, started: RunStarted): Promise<RunOutput[]> {
  const { json, tap, junit, pcap, timeline, report } = options;
  const files = { junit, timeline, report };
  refuseSameFile(files);
  const outputs: RunOutput[] = [];
  if (pcap !== undefined) {
    refuseInFolder(pcap, files);
    outputs.push(await pcapOutput(pcap, started));
  }
  if (timeline !== undefined) outputs.push(timelineOutput(new OutputFile(timeline), started));
  if (junit !== undefined) outputs.push(junitOutput(new OutputFile(junit)));
  if (report !== undefined) outputs.push(await reportOutput(new OutputFile(report), started));
  if (options.ladder) outputs.push(ladderOutput(options.ascii || !localeIsUtf8(process.env)));
  outputs.push(json ? jsonOutput() : (tap ? tapOutput : tableOutput)(started));
  return outputs;
}

function tableOutput({ scenarios }: RunStarted): RunOutput {
  const heldBy = new Map(scenarios.map((scenario) => [scenario.id, scenario.heldBy]));
  const style = styleFor(process.stdout);
  return {
    end: (report) => print(formatTable(report, (id) => heldBy.get(id), style, process.stdout.columns)),
  };
}

function ladderOutput(ascii: boolean): RunOutput {
  const style = styleFor(process.stdout);
  return {
    lab: ({ outcome }) => {
      if (!(outcome instanceof Timeline)) return;
      const width = process.stdout.columns || 80;
      print(`${formatLadder(outcome, { ascii, style, width }).trimEnd()}\n\n`);
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
  return { end: (report) => file.finish(formatJunit(report)) };
}

function timelineOutput(file: OutputFile, started: RunStarted): RunOutput {
  const writer = new TimelineWriter();
  file.write(writer.start(started));
  return {
    lab: ({ outcome }) => file.write(writer.lab(outcome)),
    end: ({ durationMs }) => file.finish(writer.end(durationMs)),
  };
}

async function reportOutput(file: OutputFile, started: RunStarted): Promise<RunOutput> {
  const { formatHtml } = await import('../report/pages/html.ts');
  const { RunPage } = await import('../report/pages/run.ts');
  const page = new RunPage(started);
  return {
    lab: (lab) => page.add(lab),
    end: (report) => file.finish(formatHtml(page.end(report))),
  };
}

async function pcapOutput(folder: string, started: RunStarted): Promise<RunOutput> {
  const { formatPcapng } = await import('../report/files/pcapng/pcapng.ts');
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
