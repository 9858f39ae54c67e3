import type { View } from './view-model.ts';

/** What a report holds: plain data, that its page makes nodes of. */
export interface ReportPage {
  title: string;
  /** Of the run as a whole: when, where, with what. */
  facts: { name: string; value: string }[];
  overview: { heads: string[]; rows: OverviewRow[] };
  labs: ReportLab[];
}

export interface OverviewRow {
  /** How it went, as a word and as a tone; both are shown. */
  word: string;
  tone: 'good' | 'bad' | 'unsure' | 'none';
  cells: string[];
  /** The index of its lab. */
  lab: number | null;
}

export interface ReportLab {
  view: View;
  /** Its explanation in titled sections: text for 80 columns. */
  sections: { title: string; text: string }[];
  programs: { host: string; command: string; ended: string; output: string }[];
  pcapng: { name: string; base64: string } | null;
}
