import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import { join } from 'node:path';
import { type RunStarted, TIMELINE_FORMAT } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { VERSION } from '../evidence/version.ts';
import { makeFolder } from '../kernel/folder.ts';
import { currentPrivilege } from '../kernel/privileges.ts';
import type { Lab } from '../lab/lab.ts';
import { formatPcapng } from '../report/pcapng/pcapng.ts';
import { TimelineWriter } from '../report/timeline-file/write.ts';

const folders = new WeakMap<Lab, string>();

/** Where files about failures in this lab go. */
export function keepFor(lab: Lab, folder: string): void {
  folders.set(lab, folder);
}

/** Writes a claim’s timeline and packets into a folder of their own, and gives its name. */
export function keep(lab: Lab, timeline: Timeline, scenario: string): string {
  const parent = folders.get(lab) as string;
  makeFolder(parent);
  const folder = mkdtempSync(join(parent, `${scenario}-`));
  // For whoever collects them, when the tests ran as root.
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
