import { isIP } from 'node:net';
import { type Command, InvalidArgumentError } from 'commander';
import { CaptureError } from '../captures/frame.ts';
import { readCapture } from '../captures/read.ts';
import { type GivenPlace, type ReadResult, resultOf } from '../captures/result.ts';
import { TcplabError } from '../error.ts';
import { WIDEST_TABLE } from '../report/terminal/layout.ts';
import { formatConnection, formatRead } from '../report/terminal/read-report.ts';
import { styleFor } from '../report/terminal/style.ts';
import { addressBytes, addressText } from '../tcp/endpoint.ts';
import { parseCount } from './arguments.ts';
import { newCommand } from './commands.ts';
import { helpEnd } from './help.ts';
import type { OutputOptions } from './outputs.ts';
import { peek } from './peeked.ts';
import { replayTimeline } from './replay.ts';

interface Options extends OutputOptions {
  connection?: number;
  at?: GivenPlace;
}

export function readCommand(): Command {
  return newCommand('read')
    .description(
      'Read a capture: for each connection, which states both ends can be in, who closed first, and who owes what. ' +
        'Reads pcap, pcapng and the text of tcpdump, gzip too, and what `tcplab run --timeline` saved.',
    )
    .argument('<file>', 'the capture, or - for standard input')
    .option('--connection <n>', 'only this connection, by its number', parseCount)
    .option(
      '--at <where>',
      'where it was captured, which leaves fewer states: client, server, both, between, or the addresses of the host, as ' +
        '10.0.0.5,10.0.1.5 (default: a hint at most, from times, TTLs and directions)',
      parsePlace,
    )
    .option('--json', 'JSON on standard output (schema/read.schema.json)')
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab read stuck.pcap',
          'tcpdump -ni eth0 -w - tcp port 80 | tcplab read -',
          'tcplab read stuck.pcapng.gz --connection 3 --at server',
          'tcplab read everything.pcap --at 10.0.0.5',
          "tcplab read stuck.pcap --json | jq '.connections[] | select(.owed != [])'",
        ],
        'a is the end that opened the connection. What an end sent is certain. What was on its way to it counts as ' +
          'received only if a later segment of that end shows it.',
        'Exit status: 0, or 2 for invalid usage and for a file that is not a capture.',
      ),
    )
    .action(read);
}

const PLACES: readonly GivenPlace[] = ['client', 'server', 'both', 'between'];

function parsePlace(text: string): GivenPlace {
  const place = PLACES.find((one) => one === text);
  if (place) return place;
  const addresses = text.split(',');
  if (!addresses.every((address) => isIP(address) !== 0))
    throw new InvalidArgumentError('expected client, server, both, between, or IP addresses.');
  return { addresses: addresses.map((address) => addressText(addressBytes(address))) };
}

async function read(file: string, options: Options): Promise<void> {
  const { kind, chunks } = await peek(file);
  if (kind === 'timeline') return replayTimeline(file, chunks, options);
  const result = await resultFrom(file, kind, chunks, options);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const style = styleFor(process.stdout);
  const { columns = 80 } = process.stdout;
  const [only] = options.connection === undefined ? [] : result.connections;
  process.stdout.write(
    only
      ? `${formatConnection(only, style, Math.min(columns, WIDEST_TABLE)).join('\n')}\n`
      : formatRead(result, style, columns),
  );
}

async function resultFrom(
  file: string,
  kind: Parameters<typeof readCapture>[0],
  chunks: AsyncIterable<Uint8Array>,
  options: Options,
): Promise<ReadResult> {
  const name = file === '-' ? 'stdin' : file;
  try {
    const { connections, facts, notes } = await readCapture(kind, chunks);
    const result = resultOf(connections, facts, notes, options.at);
    const { connection } = options;
    if (connection === undefined) return result;
    const only = result.connections.filter(({ number }) => number === connection);
    if (only.length === 0) {
      const { length } = result.connections;
      throw new TcplabError('USAGE', `${name} has no connection ${connection}: it has ${length}`, {
        hint: '`tcplab read FILE` shows their numbers',
      });
    }
    return { ...result, connections: only };
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    throw new TcplabError('USAGE', `cannot read ${name}: ${error.message}`, {
      hint: 'save a capture with `tcpdump -w FILE`, or paste what tcpdump prints',
    });
  }
}
