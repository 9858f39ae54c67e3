import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Timeline } from '../evidence/timeline.ts';
import { makeFolder } from '../kernel/folder.ts';
import { currentPrivilege } from '../kernel/privileges.ts';
import type { Lab } from '../lab/lab.ts';
import { formatPcapng } from '../report/files/pcapng/pcapng.ts';
import { savedTimeline } from '../report/files/timeline/write.ts';
import { labStarted } from '../report/story/run-started.ts';

const folders = new WeakMap<Lab, string>();

/** Sets the folder for the files of failed assertions in this lab. */
export function keepFor(lab: Lab, folder: string): void {
  folders.set(lab, folder);
}

/** Writes the timeline and packets of a claim into a new folder, and returns its name. */
export function keep(lab: Lab, timeline: Timeline, scenario: string): string {
  const parent = folders.get(lab) as string;
  makeFolder(parent);
  const folder = mkdtempSync(join(parent, `${scenario}-`));
  // CI may collect the files as another user than root.
  chmodSync(folder, 0o755);
  const started = labStarted(timeline, currentPrivilege(), { id: scenario, heldBy: 'a test' });
  const text = savedTimeline(started, timeline, lab.nowMs());
  writeFileSync(join(folder, 'timeline.ndjson'), text);
  writeFileSync(join(folder, 'packets.pcapng'), formatPcapng(timeline, started));
  return folder;
}
