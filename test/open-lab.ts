import { Program, run } from './cli.ts';

/** A lab that is open, with a name that no other test uses. */
export class OpenLab implements AsyncDisposable {
  static #last = 0;
  readonly name: string = `test-${process.pid}-${++OpenLab.#last}`;
  readonly program: Program;
  readonly #tcplab: readonly string[];

  constructor(tcplab: readonly string[], ...options: string[]) {
    this.#tcplab = tcplab;
    this.program = new Program([...tcplab, 'lab', this.name, ...options]);
  }

  inside(host: string, script: string): Promise<{ status: number; stdout: string; stderr: string }> {
    return run(this.command(host, 'sh', '-c', script));
  }

  command(host: string, ...argv: string[]): string[] {
    return [...this.#tcplab, 'enter', host, '--lab', this.name, ...(argv.length > 0 ? ['--', ...argv] : [])];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.program.kill('SIGINT');
    await this.program.ended;
  }
}

/** Whether a listener is on that port of the server. */
export const isListening =
  (lab: OpenLab, port: number): (() => Promise<boolean>) =>
  async () =>
    (await lab.inside('server', `ss -Htln 'sport = ${port}'`)).stdout.includes('LISTEN');
