import picocolors from 'picocolors';

/** Colours for a stream: none unless it is a terminal and NO_COLOR is not set (https://no-color.org). */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  unsure(text: string): string;
}

export function styleFor(stream: { isTTY?: boolean }): Style {
  const enabled = stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
  const colours = picocolors.createColors(enabled);
  return {
    bold: colours.bold,
    dim: colours.dim,
    good: colours.green,
    bad: colours.red,
    unsure: colours.yellow,
  };
}
