/** A prime, so that a loss of whole blocks (powers of two) shows too. */
const PERIOD = 65_521;

const TWICE = Buffer.alloc(2 * PERIOD);
for (let at = 0, value = 1; at < PERIOD; at++) {
  // A linear congruential generator (Numerical Recipes): its high bytes do not repeat within so many.
  value = (Math.imul(value, 1_664_525) + 1_013_904_223) >>> 0;
  TWICE[at] = value >>> 24;
}
TWICE.copy(TWICE, PERIOD, 0, PERIOD);

/** Bytes that tell by their values where in a long message they belong. At most one period. */
export function patternFrom(position: number, length: number): Buffer {
  const start = position % PERIOD;
  if (length <= PERIOD) return TWICE.subarray(start, start + length);
  return Buffer.concat([
    TWICE.subarray(start, start + PERIOD),
    patternFrom(position + PERIOD, length - PERIOD),
  ]);
}
