import { createInterface, type Interface } from 'node:readline';
import { HOSTS, type HostName } from '../evidence/host-name.ts';
import type { Timeline } from '../evidence/timeline.ts';
import type { Looks } from '../evidence/watch/view.ts';
import { LessonProgress } from '../lesson/check.ts';
import { answersIn } from '../lesson/grade.ts';
import type { Lesson, TypedLine } from '../lesson/lesson.ts';
import { introLines, noteLines, solutionLines, stepLines } from '../report/terminal/lesson-text.ts';
import { styleFor } from '../report/terminal/style.ts';

/** What is missing is shown when it has stayed the same for so long: in between, things are under way. */
const STEADY_MS = 1000;
/** How often a step is checked while nothing happens. */
const CHECK_EVERY_MS = 500;
const WIDEST = 90;

interface Options {
  lesson: Lesson;
  timeline: Timeline;
  nowMs: () => number;
  stream: NodeJS.WriteStream;
}

/** Leads through a lesson: shows the steps, says when one is done and what is missing, takes answers, and gives hints. */
export class LessonGuide {
  readonly #lesson: Lesson;
  readonly #timeline: Timeline;
  readonly #nowMs: () => number;
  readonly #stream: NodeJS.WriteStream;
  readonly #progress: LessonProgress;
  readonly #input: Interface;
  #hints = 0;
  /** What was on the timeline at the last check, and when that was. */
  #checked: { added: number; atMs: number } = { added: -1, atMs: 0 };
  #missing = { text: '', sinceMs: 0, isShown: true };

  constructor({ lesson, timeline, nowMs, stream }: Options) {
    this.#lesson = lesson;
    this.#timeline = timeline;
    this.#nowMs = nowMs;
    this.#stream = stream;
    this.#progress = new LessonProgress(lesson);
    const { name, digest } = lesson;
    timeline.add({ type: 'lesson-begun', atMs: nowMs(), name, digest });
    this.#input = createInterface({ input: process.stdin, terminal: false });
    this.#input.on('line', (line) => this.#hear(line.trim()));
    this.#print(...introLines(lesson, this.#layout));
    this.#showStep();
  }

  get isDone(): boolean {
    return this.#progress.current === undefined;
  }

  /** The host whose counters the current step needs, if any. */
  get countsOf(): HostName[] {
    const { goal } = this.#progress.current ?? {};
    return goal?.kind === 'state' ? HOSTS.filter((host) => goal.counted[host] !== undefined) : [];
  }

  /** Goes on as far as the timeline shows. */
  look({ atMs: untilMs, unseen = [] }: Looks): void {
    if (this.isDone) return;
    const timeline = this.#timeline;
    // Without news, only the time goes on.
    const isNews = timeline.added !== this.#checked.added;
    if (!isNews && untilMs - this.#checked.atMs < CHECK_EVERY_MS) return;
    this.#checked = { added: timeline.added, atMs: untilMs };
    const done = this.#progress.check({ timeline, untilMs, unseen }, answersIn(timeline));
    for (const [index, { found }] of done.entries()) {
      const number = this.#progress.done.length - done.length + index + 1;
      this.#say(`Step ${number} is done: ${found}`, this.#layout.style.good);
    }
    if (done.length > 0) this.#next();
    this.#showMissing(untilMs);
  }

  close(): void {
    this.#input.close();
  }

  get #layout() {
    const columns = Math.min(this.#stream.columns || 80, WIDEST);
    return { style: styleFor(this.#stream), columns };
  }

  #print(...lines: readonly string[]): void {
    this.#stream.write(lines.map((line) => `${line}\n`).join(''));
  }

  #say(text: string, tone: (text: string) => string = (plain) => plain): void {
    this.#print(...noteLines(text, this.#layout.columns).map(tone));
  }

  #next(): void {
    this.#hints = 0;
    this.#missing = { text: '', sinceMs: 0, isShown: true };
    if (!this.isDone) {
      this.#showStep();
      return;
    }
    this.#print('');
    this.#say(`All ${this.#lesson.steps.length} steps are done. Ctrl-C ends the lab.`);
  }

  #showStep(): void {
    const step = this.#progress.current;
    if (!step) return;
    this.#print(...stepLines(step, this.#progress.done.length + 1, this.#layout));
    const asks = step.goal.kind === 'question' ? 'Type your answer and press Enter. ' : '';
    this.#say(`${asks}For a hint, type hint and press Enter.`, this.#layout.style.dim);
  }

  #showMissing(nowMs: number): void {
    const text = this.#progress.missing;
    if (text !== this.#missing.text) this.#missing = { text, sinceMs: nowMs, isShown: text === '' };
    if (this.#missing.isShown || nowMs - this.#missing.sinceMs < STEADY_MS) return;
    this.#missing.isShown = true;
    this.#say(`Not yet: ${text}`, this.#layout.style.unsure);
  }

  #hear(line: string): void {
    const step = this.#progress.current;
    if (line === '' || !step) return;
    const number = this.#progress.done.length + 1;
    if (/^(h|hint|\?)$/i.test(line)) {
      this.#hint(number);
      return;
    }
    if (step.goal.kind === 'question') {
      this.#timeline.add({ type: 'lesson-answer', atMs: this.#nowMs(), step: number, text: line });
      return;
    }
    this.#say(`This step has no question. Commands go into the hosts: tcplab enter client. For a hint: hint`);
  }

  #hint(step: number): void {
    const { hints = [], solution = [] } = this.#progress.current ?? {};
    const index = this.#hints++;
    this.#timeline.add({ type: 'lesson-hint', atMs: this.#nowMs(), step });
    const hint = hints[index];
    if (hint !== undefined) this.#say(`Hint: ${hint}`);
    else if (solution.length === 0) this.#say('There is no other hint.');
    else this.#showSolution(solution);
  }

  #showSolution(solution: readonly TypedLine[]): void {
    this.#say('One right way (server/nc is a terminal of the server that stays open):');
    this.#print(...solutionLines(solution));
  }
}
