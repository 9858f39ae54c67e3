import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for what a program reads, as whichever user it runs. It is removed with this process at the latest, as by Ctrl-C. */
export class TemporaryFolder implements Disposable {
  readonly path: string;

  /** `name` is the beginning of its name: `tcplab-names-`. */
  constructor(name: string) {
    this.path = mkdtempSync(join(tmpdir(), name));
    process.once('exit', this.#remove);
    chmodSync(this.path, 0o755);
  }

  /** Writes a file, and gives its path. */
  write(name: string, data: string | Buffer): string {
    const path = join(this.path, name);
    writeFileSync(path, data, { mode: 0o644 });
    return path;
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove);
    this.#remove();
  }

  readonly #remove = (): void => rmSync(this.path, { recursive: true, force: true });
}
