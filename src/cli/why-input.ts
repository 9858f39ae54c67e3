import { spawn } from 'node:child_process';
import { existsSync, fstatSync } from 'node:fs';
import { MachineSockets } from '../diagnosis/this-machine.ts';
import { SystemError, TcplabError } from '../error.ts';
import { networkOf } from '../kernel/process.ts';
import { explainFailure } from '../remote/channel-failure.ts';
import { isPlace, type Place, parsePlace } from '../remote/place.ts';
import { readInput } from './input-file.ts';

/** The sockets of this machine, or a text in which they are. */
export type WhyInput = MachineInput | { kind: 'text' | 'host'; name: string; text: string };

export interface MachineInput {
  kind: 'machine';
  name: string;
  sockets: MachineSockets;
  /** Only those of this process. */
  pid?: number;
}

/** A pasted table is smaller, and so is one with a million rows. */
const MOST_BYTES = 256 * 2 ** 20;

/** What a source names; without one, standard input if something is there, and else this machine. */
export async function whyInput(source: string | undefined, pid: number | undefined): Promise<WhyInput> {
  if (pid !== undefined) {
    if (source !== undefined && source !== 'local')
      throw new TcplabError('USAGE', `--pid is a process of this machine, and can't be used with ${source}`, {
        hint: 'leave one of them out',
      });
    if (!existsSync(`/proc/${pid}`)) throw new TcplabError('USAGE', `process ${pid} does not exist`);
    const isElsewhere = networkOf(pid) !== networkOf('self');
    const sockets = openMachine(`pid ${pid}`, isElsewhere ? `/proc/${pid}/ns/net` : undefined);
    return { kind: 'machine', name: `pid:${pid}`, sockets, pid };
  }
  if (source === undefined) {
    const hasPipe = isPiped();
    const text = hasPipe ? await readWhole('-') : '';
    if (text.trim() !== '') return { kind: 'text', name: 'stdin', text };
    // The command before the pipe may have failed.
    if (hasPipe)
      process.stderr.write('tcplab: standard input is empty: these are the sockets of this machine\n');
    return { kind: 'machine', name: 'local', sockets: openMachine('local') };
  }
  if (!isPlace(source))
    return { kind: 'text', name: source === '-' ? 'stdin' : source, text: await readWhole(source) };
  const place = parsePlace(source);
  const network = networkFile(source);
  if (place.isHere) return { kind: 'machine', name: source, sockets: openMachine(source, network) };
  return { kind: 'host', name: source, text: await tablesOf(place) };
}

/** Throws USAGE for a text: it does not change. */
export function machineIn(input: WhyInput): MachineInput {
  if (input.kind === 'machine') return input;
  throw new TcplabError(
    'USAGE',
    `--watch reads the sockets of this machine, and can't be used with ${input.name}`,
    {
      hint: 'run `tcplab why --watch` on that host',
    },
  );
}

function networkFile(place: string): string | undefined {
  const [, kind, name] = /^(pid|netns):(.*)$/.exec(place) ?? [];
  if (kind === undefined) return undefined;
  return kind === 'pid' ? `/proc/${name}/ns/net` : `/run/netns/${name}`;
}

function openMachine(name: string, network?: string): MachineSockets {
  try {
    return new MachineSockets(network);
  } catch (error) {
    if (!(error instanceof SystemError) || !['EPERM', 'EACCES'].includes(error.errno)) throw error;
    throw new TcplabError('MACHINE', `the network of ${name} can't be entered: ${error.errno}`, {
      hint: 'run tcplab as root',
      cause: error,
    });
  }
}

/** Whether standard input comes from another command or a file, and not from a terminal or /dev/null. */
function isPiped(): boolean {
  try {
    const stat = fstatSync(0);
    return stat.isFIFO() || stat.isSocket() || stat.isFile();
  } catch {
    // It is closed.
    return false;
  }
}

async function readWhole(path: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of readInput(path)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_BYTES)
      throw new TcplabError('USAGE', `cannot read ${path}: it is larger than ${MOST_BYTES / 2 ** 20} MB`);
  }
  const bytes = Buffer.concat(chunks);
  // Windows saves text like that.
  return bytes[0] === 0xff && bytes[1] === 0xfe ? bytes.toString('utf16le') : bytes.toString('utf8');
}

/** Prints, as if typed, the best table that a host has, and its sysctls. */
const SCRIPT = `
p='$'; [ "$(id -u)" = 0 ] && p='#'
if command -v ss >/dev/null 2>&1; then echo "$p ss -tanpoie"; ss -tanpoie
elif command -v netstat >/dev/null 2>&1 && netstat -tanpo >/dev/null 2>&1; then echo "$p netstat -tanpo"; netstat -tanpo 2>&1
else for f in /proc/net/tcp /proc/net/tcp6; do [ -r $f ] && echo "$p cat $f" && cat $f; done; fi
cd /proc/sys/net/ipv4 && for f in tcp_* ip_local_port_range; do [ -r $f ] && echo "net.ipv4.$f = $(cat $f)"; done
:`;
/** How many characters of its errors are kept. */
const KEPT = 4000;

function tablesOf(place: Place): Promise<string> {
  const cannot = `cannot read the sockets of ${place.name}`;
  const [program = '', ...args] = place.command(['sh', '-c', SCRIPT]);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [text, said] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.length > MOST_BYTES) child.kill('SIGKILL');
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      said = (said + chunk).slice(-KEPT);
    });
    child.once('error', (error) => reject(explainFailure(place.name, 1, String(error), false, cannot)));
    child.once('close', (status, signal) => {
      if (status === 0) resolve(text);
      else reject(explainFailure(place.name, status ?? signal ?? 1, said, false, cannot));
    });
  });
}
