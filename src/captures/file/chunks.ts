/** Bytes that came in and are not read yet. Holds no more than one record and one chunk. */
export class Chunks {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  /** How many bytes of the file were read before. */
  #before = 0;

  push(chunk: Buffer): void {
    const rest = this.#bytes.subarray(this.#at);
    this.#before += this.#at;
    this.#bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    this.#at = 0;
  }

  /** Where in the file the next byte is. */
  get offset(): number {
    return this.#before + this.#at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The next bytes, which stay; undefined if there are not so many yet. */
  peek(length: number): Buffer | undefined {
    return this.left < length ? undefined : this.#bytes.subarray(this.#at, this.#at + length);
  }

  skip(length: number): void {
    this.#at += length;
  }
}
