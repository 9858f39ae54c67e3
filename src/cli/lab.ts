import { setTimeout as pause } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { TcplabError } from '../error.ts';
import { Lab } from '../lab/lab.ts';
import { announceLab, openLabs } from '../lab/open-labs.ts';
import type { Lesson } from '../lesson/lesson.ts';
import { durationOption } from './arguments.ts';
import { newCommand } from './commands.ts';
import { helpEnd, OPTION_GROUPS } from './help.ts';
import { untilSignal } from './interrupt.ts';
import { OutputFile } from './output-file.ts';
import { ensurePrivilege } from './privileges.ts';
import { keepMemorySmall } from './small-memory.ts';
import { watchLab } from './watch-lab.ts';
import { openWatchedOutputs, type WatchedOutputOptions } from './watched-outputs.ts';

interface Options extends WatchedOutputOptions {
  ipv6?: boolean;
  for?: number;
  list?: boolean;
  watch?: boolean;
  lesson?: string | true;
  record?: string;
  grade?: string[];
  csv?: boolean;
  json?: boolean;
}

const DEFAULT_NAME = 'lab';
/** The longest that a timer of Node waits: 25 days. */
const LONGEST_MS = 2 ** 31 - 1;

export function labCommand(): Command {
  return newCommand('lab')
    .description(
      'Open two hosts with a wire between them and nothing in them, until Ctrl-C. Other terminals get in with ' +
        '`tcplab enter client` and `tcplab enter server`.',
    )
    .argument('[name]', 'name of the lab, if you want several', DEFAULT_NAME)
    .option('--ipv6', 'IPv6 between the hosts')
    .addOption(durationOption('--for <duration>', 'time after which the lab ends, such as 600s'))
    .option('--list', 'the labs that are open, which you can enter')
    .option(
      '--lesson [lesson]',
      'an exercise to do in it: a name or a file; without one, lists them (docs/lessons.md)',
    )
    .option('--grade <files...>', 'records of lessons to compute again from their evidence, as a table')
    .option('--watch', 'a live view: connections, states and who proves them, segments, rules')
    .option(
      '--json',
      'with --list or --grade: as JSON; with --watch: a line of JSON for each piece of news (docs/lab.md)',
    )
    .option('--csv', 'with --grade: as CSV')
    .addOption(
      new Option('--ladder', 'with --watch: at the end, a diagram of each connection')
        .conflicts('json')
        .helpGroup(OPTION_GROUPS.output),
    )
    .addOption(
      new Option('--record <file>', 'with --lesson: what was done and seen, to hand in').helpGroup(
        OPTION_GROUPS.output,
      ),
    )
    .addOption(
      new Option('--timeline <file>', 'with --watch: all events (docs/timeline.md)').helpGroup(
        OPTION_GROUPS.output,
      ),
    )
    .addOption(
      new Option('--report <file>', 'with --watch: HTML report in one file').helpGroup(OPTION_GROUPS.output),
    )
    .addOption(
      new Option(
        '--pcap <folder>',
        'with --watch: packets for Wireshark, in FOLDER/watched.pcapng',
      ).helpGroup(OPTION_GROUPS.output),
    )
    .addOption(new Option('--ascii', 'with --ladder: in plain ASCII').helpGroup(OPTION_GROUPS.output))
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab lab',
          'tcplab lab --watch',
          'tcplab lab --watch --report lab.html --pcap packets',
          'tcplab lab monday --ipv6',
          'tcplab lab --lesson close-wait --record close-wait.ndjson',
          'tcplab lab --grade class/*.ndjson',
          'tcplab lab --list',
          'tcplab enter server -- ss -tan',
        ],
        'Nothing is left on the machine when it ends. Shells that are still inside keep their host, without the wire, until they exit.',
        'Exit status: 0 ended, 1 a lesson or a record is not complete, 2 invalid usage, 3 this machine lacks something (see `tcplab doctor`).',
      ),
    )
    .action(lab);
}

async function lab(name: string, options: Options): Promise<void> {
  mustFitTogether(options);
  if (options.list) return list(options.json ?? false);
  if (options.grade) return (await import('./lab-grade.ts')).grade(options.grade, options);
  if (options.lesson === true) return (await import('./lab-lesson.ts')).listLessons();
  for (const output of ['timeline', 'report', 'pcap', 'ladder'] as const)
    if (options[output] !== undefined && !options.watch)
      throw new TcplabError('USAGE', `--${output} requires --watch`, {
        hint: `tcplab lab --watch --${output} ${options[output] === true ? '' : options[output]}`.trim(),
      });
  const lesson = options.lesson === undefined ? undefined : await lessonNamed(options.lesson);
  mustBeName(name);
  if (openLabs().some((one) => one.name === name))
    throw new TcplabError('USAGE', `a lab with the name ${name} is open already`, {
      hint: `give this one another name: tcplab lab ${name}-2`,
    });
  const privilege = ensurePrivilege();
  const output = options.watch ? await openWatchedOutputs(options) : undefined;
  const path = options.timeline ?? options.record;
  const file = path === undefined ? undefined : new OutputFile(path);
  const signal = untilSignal();
  if (options.watch || lesson) keepMemorySmall();
  await using opened = await Lab.open({
    family: options.ipv6 ? 'ipv6' : 'ipv4',
    ...(options.watch || lesson ? { watched: true } : {}),
  });
  using _ = announceLab(opened, name, new Date());
  const flag = name === DEFAULT_NAME ? '' : ` --lab ${name}`;
  const stream = options.json ? process.stderr : process.stdout;
  stream.write(
    `Lab ${name}: client ${opened.client.address}, server ${opened.server.address}\n` +
      `  tcplab enter client${flag}\n  tcplab enter server${flag}\nCtrl-C ends it.\n`,
  );
  const enough = new AbortController();
  const time = pause(options.for ?? LONGEST_MS, undefined, { signal: enough.signal }).catch(() => {});
  const end = Promise.race([signal, time]);
  if (output) {
    await watchLab(opened, end, { privilege, json: options.json ?? false, timeline: file, output });
  }
  if (lesson) {
    const { doLesson } = await import('./lab-lesson.ts');
    process.exitCode = await doLesson(opened, end, { lesson, privilege, record: file });
  }
  await end;
  enough.abort();
}

/** Loaded only now, because few labs need it. */
async function lessonNamed(wanted: string): Promise<Lesson> {
  return (await import('./lesson-files.ts')).lessonNamed(wanted);
}

function mustFitTogether({ json, csv, record, list, watch, grade, lesson }: Options): void {
  const wrong = (message: string, hint: string) => new TcplabError('USAGE', message, { hint });
  if (json && !list && !watch && !grade)
    throw wrong('--json requires --list, --watch or --grade', 'tcplab lab --list --json');
  if (csv && !grade) throw wrong('--csv requires --grade', 'tcplab lab --grade FILE --csv');
  if (csv && json) throw wrong("--csv can't be combined with --json", 'choose one of them');
  if (record !== undefined && typeof lesson !== 'string')
    throw wrong('--record requires --lesson', `tcplab lab --lesson close-wait --record ${record}`);
  if (watch && lesson !== undefined)
    throw wrong("--watch can't be combined with --lesson", 'a lesson shows what it needs; remove --watch');
}

function list(isJson: boolean): void {
  const labs = openLabs();
  if (isJson) {
    const about = labs.map(({ name, pid, startedAt, addresses }) => ({ name, pid, startedAt, addresses }));
    process.stdout.write(`${JSON.stringify(about)}\n`);
    return;
  }
  if (labs.length === 0) process.stdout.write('No lab is open. `tcplab lab` opens one.\n');
  for (const { name, pid, addresses, startedAt } of labs) {
    const since = new Date(startedAt).toTimeString().slice(0, 5);
    process.stdout.write(
      `${name}  client ${addresses.client}, server ${addresses.server}, process ${pid}, since ${since}\n`,
    );
  }
}

/** It is typed, and shown in prompts. */
function mustBeName(name: string): void {
  if (/^[A-Za-z0-9][\w.-]{0,30}$/.test(name)) return;
  throw new TcplabError('USAGE', `'${name}' can't be the name of a lab`, {
    hint: 'use up to 31 letters, digits, dots, hyphens and underscores: tcplab lab monday',
  });
}
