import { parseState, type State } from '../tcp/state.ts';

/** A command line that a paste shows. */
export interface CommandLine {
  /** The prompt before it, as far as it names a host or a user. */
  prompt: string;
  command: string;
  /** Null if nothing shows it. */
  asRoot: boolean | null;
}

const TOOLS =
  'ss|netstat|lsof|conntrack|cat|sysctl|grep|watch|busybox|nsenter|ip|docker|kubectl|podman|crictl|sudo|date|hostname|uname|uptime|head|tail|less|for|while|bash|sh|curl|wget|nc|ncat|telnet|psql|mysql|ps|nstat|echo|exit|clear';
const KNOWN = new RegExp(`^(?:\\S*/)?(?:${TOOLS})(?:\\s|$)`);
const PROMPT = /^((?:\S.{0,79}?)?([$#%❯>]))\s+(\S.*)$/;
/** `root@srv-1:~#`, `[root@a ~]#`, `bash-5.2#`, `/ #`, `app-1$`, or the sign alone. */
const LIKE_A_PROMPT =
  /@|^\[|^(?:ba|z|da|k|)sh(?:-[\d.]+)?[$#%]$|^[\w.-]+(?::\S*)?\s?[$#%❯]$|^\/\S*\s?[$#%]$|^[$#%❯]$/;

/** A prompt and what was typed behind it; also a command alone on its line. Undefined for any other text. */
export function commandLine(text: string): CommandLine | undefined {
  const line = text.trim();
  const [, prompt = '', sign = '', typed = ''] = PROMPT.exec(line) ?? [];
  if (typed && (KNOWN.test(typed) || LIKE_A_PROMPT.test(prompt))) {
    const asRoot = sign === '#' || /^sudo\s/.test(typed) ? true : sign === '$' ? false : null;
    return { prompt, command: typed, asRoot };
  }
  const bare = line.replace(/^\+\s+/, '');
  const isCommand =
    /^(?:sudo\s+)?(?:ss|netstat|lsof|conntrack)\s+-{0,2}\w/.test(bare) && !/\d+\s+\S+:\d/.test(bare);
  if (isCommand || /^(?:sudo\s+)?cat\s+\/proc\//.test(bare))
    return { prompt: '', command: bare, asRoot: /^sudo\s/.test(bare) ? true : null };
  return undefined;
}

/** A prompt with nothing behind it, as at the end of a copied terminal. */
export function isPrompt(text: string): boolean {
  const line = text.trim();
  return /[$#%❯]$/.test(line) && line.length <= 80 && LIKE_A_PROMPT.test(line);
}

/** `Every 2.0s: ss -tan        srv-1: Tue Dec  1 04:25:07 2026` of watch(1). */
export function watchedCommand(text: string): CommandLine | undefined {
  const [, command, host = ''] = /^Every [\d.,]+s: (.*?)(?:\s{2,}(\S+): .*)?$/.exec(text.trim()) ?? [];
  return command === undefined ? undefined : { prompt: host, command, asRoot: null };
}

/** The one state that `ss state …` was asked for: ss then prints no State column. */
export function stateAsked(command: string): State | undefined {
  const words = [...command.matchAll(/\bstate\s+([a-z0-9-]+)/g)].map(([, word = '']) => word);
  if (!/(?:^|[\s/|;&])ss\s/.test(command) || words.length !== 1) return undefined;
  return parseState(words[0] ?? '');
}

/** Whether a command shows the sockets of one process only. */
export function showsOneProcess(command: string | null): boolean {
  return command !== null && /\blsof\b.*\s-p\s?\d/.test(command);
}

/** Whether a command leaves out lines: other states, or the rest of a long table. */
export function leavesOut(command: string | null): boolean {
  return (
    command !== null &&
    /\|\s*(?:e?grep|rg|awk|head|tail)\b|\sstate\s|\b(?:sport|dport|src|dst)\b/.test(command)
  );
}
