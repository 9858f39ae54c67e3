import { TcplabError } from '../../../error.ts';
import type { RunEnded, RunStarted, ScenarioFailed } from '../../../evidence/events.ts';
import type { Timeline } from '../../../evidence/timeline.ts';
import type { LabOutcome } from '../../story/run-fold.ts';
import { type Line, LineError, splitLines } from './lines.ts';
import { OpenLab } from './open-lab.ts';
import { CUT, parseFirstLine, parseLine } from './parse.ts';

/** What a saved timeline is made of, piece by piece: the start of the run, each of its labs, its end. */
export type Piece = RunStarted | LabOutcome | RunEnded;

/**
 * Reads what `--timeline` saved, as a stream. A file that is cut, out of order, not one of ours or newer than this
 * tcplab ends in a TcplabError that names the line and what was expected there; `name` is what it calls the file.
 */
export async function* readTimeline(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Piece> {
  const reader = new Reader();
  try {
    for await (const line of splitLines(chunks)) yield* reader.read(line);
    yield reader.finish();
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
    throw new TcplabError('USAGE', `${name}, ${error.message}`, { hint: error.hint });
  }
}

/** Follows the order in which lines may come: run-started, the labs, run-ended. */
class Reader {
  #line = 0;
  #started: RunStarted | undefined;
  #ended: RunEnded | undefined;
  /** How many labs have begun. */
  #labs = 0;
  #lab: OpenLab | undefined;

  *read(line: Line): Generator<Piece> {
    this.#line = line.number;
    if (!this.#started) {
      this.#started = parseFirstLine(line);
      yield this.#started;
      return;
    }
    const event = parseLine(line);
    if (this.#ended) throw this.#wrong(`nothing after run-ended, found ${event.type}`);
    switch (event.type) {
      case 'run-started':
        throw this.#wrong('the next event, found a second run-started');
      case 'lab-opened':
        yield* this.#closeLab();
        this.#lab = new OpenLab(this.#nextScenario('a lab'));
        this.#lab.add(event, line.number);
        break;
      case 'scenario-failed':
        yield* this.#closeLab();
        yield this.#failed(event);
        break;
      case 'run-ended':
        yield* this.#closeLab();
        this.#end(event);
        break;
      default:
        if (!this.#lab) throw this.#wrong(`lab-opened, found ${event.type}`);
        this.#lab.add(event, line.number);
    }
  }

  /** Only when nothing comes after its end is a run whole. */
  finish(): RunEnded {
    if (this.#ended) return this.#ended;
    this.#line++;
    if (!this.#started) throw this.#wrong('a timeline, found an empty file');
    throw this.#wrong('more events and run-ended, found the end of the file', CUT);
  }

  *#closeLab(): Generator<Timeline> {
    const lab = this.#lab;
    this.#lab = undefined;
    if (lab) yield lab.close(this.#line);
  }

  /** Labs are in the order of the scenarios, and those of one scenario follow each other. */
  #nextScenario(found: string): string {
    const { scenarios, repeat } = this.#started as RunStarted;
    const scenario = scenarios[Math.floor(this.#labs++ / repeat)];
    if (!scenario) throw this.#wrong(`run-ended after ${scenarios.length * repeat} labs, found ${found}`);
    return scenario.id;
  }

  #failed(event: ScenarioFailed): ScenarioFailed {
    const next = this.#nextScenario(event.type);
    if (event.scenario !== next)
      throw this.#wrong(`${next}, which is next in the run, found ${event.scenario}`);
    return event;
  }

  #end(event: RunEnded): void {
    const { scenarios, repeat } = this.#started as RunStarted;
    const missing = scenarios[Math.floor(this.#labs / repeat)];
    if (missing) throw this.#wrong(`${missing.id}, which is next in the run, found run-ended`, CUT);
    const { lines } = event;
    if (lines !== this.#line) {
      throw this.#wrong(`${lines} lines in all, as run-ended says, found ${this.#line}`, CUT);
    }
    this.#ended = event;
  }

  #wrong(expected: string, hint?: string): LineError {
    return new LineError(this.#line, `expected ${expected}`, hint);
  }
}
