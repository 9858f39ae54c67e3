/** Three digits and a unit, at most seven columns: `82 µs`, `1.49 ms`, `208 ms`, `3.20 s`, `134 s`. */
export function formatTime(ms: number): string {
  if (ms < 0) return '< 0';
  if (ms === 0) return '0';
  if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`;
  if (ms < 999.5) return `${threeDigits(ms)} ms`;
  if (ms < 9_999_500) return `${threeDigits(ms / 1000)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** `40 ms`, `0.2 s`, `12 s`, `2 min 14 s`: roughly, for it stands for nothing that happened. */
export function formatPause(ms: number): string {
  if (ms < 95) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function threeDigits(value: number): string {
  if (value < 9.995) return value.toFixed(2);
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}
