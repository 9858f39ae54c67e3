import { SystemError } from '../error.ts';
import { loadLibrary } from './libc.ts';
import { needDescriptors } from './limits.ts';
import { notInstalled } from './system-command.ts';

// libnftables(3)
const OUTPUT_JSON = 1 << 4;
const OUTPUT_HANDLE = 1 << 3;
const OUTPUT_ECHO = 1 << 5;
const OUTPUT_STATELESS = 1 << 2;

type Context = bigint;

interface LibNftables {
  create: (flags: number) => Context | null;
  destroy: (context: Context) => void;
  run: (context: Context, commands: string) => number;
  bufferOutput: (context: Context) => number;
  bufferError: (context: Context) => number;
  output: (context: Context) => string;
  error: (context: Context) => string;
  setFlags: (context: Context, flags: number) => void;
}

let loaded: LibNftables | undefined;

/** Whether this machine has libnftables. */
export function hasNftables(): boolean {
  return load() !== undefined;
}

const PACKAGES = { debian: 'libnftables1', fedora: 'nftables-libs', alpine: 'nftables', arch: 'nftables' };

/** nftables of the namespace in which it was opened: a context keeps its netlink socket there. Opening takes about 5 ms. */
export class Nftables {
  readonly #lib: LibNftables;
  readonly #context: Context;

  constructor() {
    const lib = load();
    if (!lib) throw notInstalled('libnftables.so.1', PACKAGES);
    // Without a descriptor for its socket libnftables ends the process (src/mnl.c, nft_mnl_socket_open).
    needDescriptors(1);
    const context = lib.create(0);
    if (!context) throw new SystemError('nft_ctx_new', 'ENOMEM');
    lib.bufferOutput(context);
    lib.bufferError(context);
    this.#lib = lib;
    this.#context = context;
  }

  /** Runs commands in nft's language (nft(8)), all or none. Returns nft's output. */
  run(commands: string): string {
    this.#lib.setFlags(this.#context, 0);
    return this.#run(commands);
  }

  /** The same, answered in JSON (libnftables-json(5)); the added rule comes back with its handle. */
  runJson(commands: string): NftObject[] {
    this.#lib.setFlags(this.#context, OUTPUT_JSON | OUTPUT_HANDLE | OUTPUT_ECHO);
    const output = this.#run(commands);
    return output ? (JSON.parse(output) as { nftables: NftObject[] }).nftables : [];
  }

  /** All that is set, also by others: in JSON, and as nft prints it, with handles and without counters. */
  listAll(): { objects: NftObject[]; text: string } {
    const objects = this.runJson('list ruleset');
    this.#lib.setFlags(this.#context, OUTPUT_HANDLE | OUTPUT_STATELESS);
    return { objects, text: this.#run('list ruleset') };
  }

  close(): void {
    this.#lib.destroy(this.#context);
  }

  #run(commands: string): string {
    if (this.#lib.run(this.#context, commands) === 0) return this.#lib.output(this.#context);
    const said = this.#lib.error(this.#context).trim().split('\n')[0];
    throw new SystemError('nft', said || 'failed', { detail: commands });
  }
}

/** The parts of nft's JSON that are read here. */
export interface NftObject {
  chain?: NftChain;
  rule?: NftRule;
  add?: { rule?: NftRule };
}

interface NftChain {
  family: string;
  table: string;
  name: string;
  /** Of a base chain. */
  hook?: string;
  policy?: string;
}

export interface NftRule {
  family: string;
  table: string;
  chain: string;
  handle: number;
  comment?: string;
  expr: ({ counter?: { packets: number; bytes: number } } & Record<string, unknown>)[];
}

function load(): LibNftables | undefined {
  if (loaded) return loaded;
  const lib = loadLibrary('libnftables.so.1');
  if (!lib) return undefined;
  loaded = {
    create: lib.func('void *nft_ctx_new(uint32_t flags)'),
    destroy: lib.func('void nft_ctx_free(void *context)'),
    run: lib.func('int nft_run_cmd_from_buffer(void *context, const char *commands)'),
    bufferOutput: lib.func('int nft_ctx_buffer_output(void *context)'),
    bufferError: lib.func('int nft_ctx_buffer_error(void *context)'),
    output: lib.func('const char *nft_ctx_get_output_buffer(void *context)'),
    error: lib.func('const char *nft_ctx_get_error_buffer(void *context)'),
    setFlags: lib.func('void nft_ctx_output_set_flags(void *context, unsigned int flags)'),
  };
  return loaded;
}
