import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import { join } from 'node:path';
import { type RunStarted, TIMELINE_FORMAT } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { VERSION } from '../evidence/version.ts';
import { makeFolder } from '../kernel/folder.ts';
import { currentPrivilege } from '../kernel/privileges.ts';
import type { Lab } from '../lab/lab.ts';
import { formatPcapng } from '../report/files/pcapng/pcapng.ts';
import { TimelineWriter } from '../report/files/timeline/write.ts';

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
  const privilege = currentPrivilege();
  const started: RunStarted = {
    type: 'run-started',
    format: TIMELINE_FORMAT,
    tool: { name: 'tcplab', version: VERSION },
    machine: { kernel: release(), arch: arch(), privilege: privilege === 'root' ? 'root' : 'user-namespace' },
    startedAt: timeline.of('lab-opened')[0]?.startedAt ?? new Date().toISOString(),
    scenarios: [{ id: scenario, heldBy: 'a test' }],
    repeat: 1,
  };
  const writer = new TimelineWriter();
  const text = writer.start(started) + writer.lab(timeline) + writer.end(lab.nowMs());
  writeFileSync(join(folder, 'timeline.ndjson'), text);
  writeFileSync(join(folder, 'packets.pcapng'), formatPcapng(timeline, started));
  return folder;
}
