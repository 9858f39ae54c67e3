/** How a verdict is shown: as a colour on a terminal, as a class on a page. */
export const TONES = { proven: 'good', disproven: 'bad', unproven: 'unsure' } as const;
