/** Three digits and a unit, at most seven columns: `82 µs`, `1.49 ms`, `208 ms`, `3.20 s`, `134 s`. */
export function formatTime(ms: number): string {
  if (ms < 0) return '< 0';
  if (ms === 0) return '0';
  if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`;
  if (ms < 999.5) return `${threeDigits(ms)} ms`;
  if (ms < 9_999_500) return `${threeDigits(ms / 1000)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** The shortest pause that a ladder shows: most of its rows are some microseconds apart. */
const PAUSE_MS = 20;

/** A ladder's text for the time between two rows: `40 ms`; null if it is too short to show. */
export function pauseBetween(fromMs: number, toMs: number): string | null {
  return toMs - fromMs < PAUSE_MS ? null : formatPause(toMs - fromMs);
}

/** `40 ms`, `0.2 s`, `12 s`, `2 min 14 s`: roughly, because nothing happened in it. */
export function formatPause(ms: number): string {
  if (ms < 95) return `${Math.round(ms)} ms`;
  return ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : inSeconds(ms, 119_500);
}

/** `2.1 ms`, `41 ms`, `1.2 s`, `2 min 14 s`. */
export function formatMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return inSeconds(ms, 120_000);
}

/** `12 s`; from `minutesFromMs` on `2 min 14 s`. */
function inSeconds(ms: number, minutesFromMs: number): string {
  const seconds = Math.round(ms / 1000);
  return ms < minutesFromMs ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function threeDigits(value: number): string {
  if (value < 9.995) return value.toFixed(2);
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}
