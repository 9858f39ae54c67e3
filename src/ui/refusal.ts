/** Reports an unexpected error on the terminal, not on the page. */
export function reportFault(error: unknown): void {
  process.stderr.write(`tcplab: ${error instanceof Error ? error.stack : String(error)}\n`);
}

/** Why a request is not served: the HTTP status (RFC 9110, 15.5), and a sentence for a person. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(status: number, why: string, headers: Record<string, string> = {}) {
    super(why);
    this.status = status;
    this.headers = headers;
  }
}
