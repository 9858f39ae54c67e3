import type { Diagnosis } from '../../diagnosis/diagnosis.ts';
import type { Paste, Table, UnreadLine } from '../../tables/row.ts';
import type { Report } from './run-report.ts';
import { TOOL } from './run-started.ts';

const WHY_FORMAT = 'tcplab.why/1';

/** Where the sockets are from. */
export interface WhySource {
  kind: 'text' | 'machine' | 'host';
  /** The file, `stdin`, `local`, or the host as it was named. */
  name: string;
}

/** What `tcplab why --json` prints; schema/why.schema.json describes it. */
export interface WhyReport extends Omit<Report, 'durationMs'>, Diagnosis {
  format: typeof WHY_FORMAT;
  source: WhySource;
  /** The tables that were read. */
  tables: (Omit<Table, 'rows'> & { rows: number })[];
  /** The lines of which tcplab could make nothing. */
  unread: readonly UnreadLine[];
  /** Rows of UDP and other protocols, which were left out. */
  otherProtocols: number;
}

export function whyReport(
  source: WhySource,
  diagnosis: Diagnosis,
  { tables, unread, otherProtocols }: Pick<Paste, 'tables' | 'unread' | 'otherProtocols'>,
): WhyReport {
  return {
    format: WHY_FORMAT,
    tool: TOOL,
    startedAt: new Date().toISOString(),
    source,
    ...diagnosis,
    tables: tables.map(({ rows, ...table }) => ({ ...table, rows: rows.length })),
    unread,
    otherProtocols,
  };
}
