import { columnsRow } from './columns.ts';
import { commandLine, isPrompt, stateAsked, watchedCommand } from './command.ts';
import { conntrackRow } from './conntrack.ts';
import { countRow, isCountedHeader } from './counts.ts';
import { FactReader } from './facts.ts';
import { joinedLines } from './lines.ts';
import { lsofRow } from './lsof.ts';
import { foreignNetstat, NETSTAT_COLUMNS, netstatRow } from './netstat.ts';
import { procRow } from './proc-net-tcp.ts';
import type { Paste, Table, TableRow, Tool, UnreadLine } from './row.ts';
import { type Line, shownLines } from './shown.ts';
import { isStateless, ssRow } from './ss.ts';
import { tokensOf } from './words.ts';

/** Of a line that could not be read, this many characters are kept. */
const KEPT = 200;

/** What tools print around their rows. */
const AROUND: readonly RegExp[] = [
  /^\s*$/,
  /^\s*(Netid\s+)?(State\s+)?Recv-Q\s+Send-Q\s+Local Address/i,
  /^\s*Proto\s+Recv-Q\s+Send-Q\s+Local/i,
  /^Active (Internet|UNIX) /i,
  /^\s*(Program name|Timer|Process|PID\/Program name|Address:Port\s*Process)\s*$/,
  /^Proto RefCnt Flags/,
  /^COMMAND\s+PID\s/,
  /^\s*sl\s+(local_address|remote_address)/,
  /flow entries have been shown/,
  /^lsof: (WARNING|status)/,
  /^\s+Output information may be incomplete/,
  /^\s*assuming "dev=/,
  /^```\w*\s*$/,
  /^-{2,}\s*$/,
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} +\d/,
  /^\S* ?\d{4}-\d\d-\d\d[T ]\d\d:\d\d/,
];
/** netstat says on standard error that it may not look. */
const HIDDEN =
  /Not all processes could be identified|will not be shown, you would have to be root|No info could be read for "-p"/;
const OTHER =
  /^\s*(udp|udplite|raw|icmp|unix|u_str|u_dgr|u_seq|nl|p_raw|p_dgr|v_str|sctp|dccp)6?\s|\s(UDP|RAW)\s+\S+(:\S+)?\s*$|^\s*ipv[46]\s+\d+\s+(udp|icmp)/;

/** All that can be read of a paste: tables of whatever tools, one after another, and what stands between them. Reads any text in linear time. */
export function readTables(text: string): Paste {
  const reader = new PasteReader();
  const lines = joinedLines(shownLines(text), (line) =>
    WHOLE_ROWS.some(([, read]) => read(line, '') !== undefined),
  );
  for (const line of lines) reader.read(line);
  return reader.end();
}

interface Draft extends Omit<Table, 'host'> {
  prompt: string;
  /** Counts the command lines. */
  run: number;
  /** The texts of the rows that may have been cut. */
  texts: string[];
}

class PasteReader {
  readonly #tables: Draft[] = [];
  readonly #facts = new FactReader();
  readonly #unread: UnreadLine[] = [];
  #command: { prompt: string; command: string; asRoot: boolean | null } | undefined;
  #run = 0;
  #hidesOwners = false;
  #otherProtocols = 0;
  /** The next row is of another table. */
  #isNew = true;

  read({ number, text }: Line): void {
    const row = OTHER.test(text) ? undefined : rowIn(text, this.#command?.command);
    if (row) {
      this.#add(row.tool, { ...row.row, line: number }, text);
    } else if (OTHER.test(text)) {
      this.#otherProtocols++;
    } else if (HIDDEN.test(text)) {
      this.#hidesOwners = true;
    } else if (AROUND.some((pattern) => pattern.test(text)) || isPrompt(text)) {
      this.#isNew = true;
    } else {
      this.#readOther(text, number);
    }
  }

  #readOther(text: string, line: number): void {
    const command = watchedCommand(text) ?? commandLine(text);
    if (command) {
      this.#command = command;
      this.#run++;
      this.#isNew = true;
      this.#hidesOwners = false;
      this.#facts.command(command.command);
      return;
    }
    if (this.#facts.read(text, line) || isCountedHeader(text)) return;
    const kept = (text.length > KEPT ? `${text.slice(0, KEPT)}…` : text).trim();
    this.#unread.push({ line, text: kept, why: whyUnread(text) });
  }

  #add(tool: Tool, row: TableRow, text: string): void {
    let table = this.#tables.at(-1);
    if (!table || this.#isNew || table.tool !== tool) {
      table = {
        tool,
        prompt: this.#command?.prompt ?? '',
        run: this.#run,
        command: this.#command?.command ?? null,
        asRoot: this.#command?.asRoot ?? null,
        hidesOwners: false,
        rows: [],
        texts: [],
      };
      this.#tables.push(table);
    }
    this.#isNew = false;
    table.hidesOwners ||= this.#hidesOwners;
    table.rows.push(row);
    table.texts.push(tool === 'netstat' ? text : '');
  }

  end(): Paste {
    const hosts = hostsOf(this.#tables);
    return {
      tables: this.#tables.filter(isLatest).map((draft) => {
        const { prompt: _prompt, run: _run, texts, ...table } = draft;
        const rows = table.tool === 'netstat' && isWide(texts) ? table.rows.map(whole(texts)) : table.rows;
        return {
          ...table,
          host: hosts.get(draft) ?? '',
          rows: table.tool === 'ss' ? withOwners(rows, table.command) : rows,
        };
      }),
      facts: this.#facts.facts,
      unread: this.#unread,
      otherProtocols: this.#otherProtocols,
    };
  }
}

/** The row in a line, of whatever tool prints such rows. `command`: the command line before it. */
function rowIn(text: string, command = ''): { tool: Tool; row: TableRow } | undefined {
  for (const [tool, read] of READERS) {
    const row = read(text, command);
    if (row) return { tool, row };
  }
  return undefined;
}

const WHOLE_ROWS: readonly (readonly [Tool, (text: string, command: string) => TableRow | undefined])[] = [
  ['netstat', (text, command) => netstatRow(text, /\s(-\w*W|--wide)/.test(command))],
  ['/proc/net/tcp', procRow],
  ['conntrack', conntrackRow],
  ['lsof', lsofRow],
  ['ss', (text, command) => ssRow(text, stateAsked(command))],
  ['columns', columnsRow],
];
/** A count is so short that the end of a row that was broken may look like one. */
const READERS: typeof WHOLE_ROWS = [...WHOLE_ROWS, ['counts', countRow]];

/** The host that each table is of, as the prompts name them, if there are several. */
function hostsOf(tables: readonly Draft[]): ReadonlyMap<Draft, string> {
  const named = tables.map(
    ({ prompt }) =>
      /@([\w.-]+)/.exec(prompt)?.[1] ?? /^(?!(?:ba|da|z|k|)sh-)([\w.-]+)[:$#%]/.exec(prompt)?.[1],
  );
  if (new Set(named.filter((name) => name !== undefined)).size < 2) return new Map();
  let last = '';
  return new Map(
    tables.map((table, index) => {
      last = named[index] ?? last;
      return [table, last];
    }),
  );
}

/** A command that was typed again shows the same sockets at a later time, and so does each screen of watch(1). */
function isLatest({ prompt, command, run }: Draft, _index: number, all: readonly Draft[]): boolean {
  if (command === null) return true;
  return !all.some((other) => other.run > run && other.command === command && other.prompt === prompt);
}

/** Whether a field is longer than netstat's columns: then nothing in the table was cut. */
function isWide(texts: readonly string[]): boolean {
  return texts.some((text) =>
    tokensOf(text).some((token) => token.length > NETSTAT_COLUMNS && /^[\da-fA-F:.]+:\d+$/.test(token)),
  );
}

function whole(texts: readonly string[]): (row: TableRow, index: number) => TableRow {
  return (row, index) => {
    const again = netstatRow(texts[index] ?? '', true);
    return again ? { ...again, line: row.line } : row;
  };
}

/** ss names no owners where it was not asked to, and none for a socket that has none: the other rows tell which it is. */
function withOwners(rows: readonly TableRow[], command: string | null): TableRow[] {
  const wasAsked = /(?:^|[\s/])ss\s(?:.*\s)?-(?:\w*p|-processes)/.test(command ?? '');
  const showsOwners = wasAsked || rows.some(({ owners }) => owners !== null);
  return rows.map((row) => (showsOwners && row.owners === null ? { ...row, owners: [] } : row));
}

function whyUnread(text: string): string {
  const foreign = foreignNetstat(text);
  if (foreign) return `${foreign}, whose columns and timers are not Linux's`;
  if (isStateless(text))
    return 'a row without a state: `ss state …` leaves that column out; add the command line, or the column';
  if (/^\s*(tcp|TCP)/.test(text)) return 'the row is incomplete, or not in a known form';
  return 'not a row of a known table';
}
