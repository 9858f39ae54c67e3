/** All that steers a terminal or reorders what is read: C0 (except tab and line feed), DEL, C1, bidi controls, line separators. */
const STEERING = /\r\n|(?![\t\n])[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

/**
 * Text that is not tcplab's own (a program's output, a file, a remote host), made safe to print: each character that could
 * steer a terminal becomes its escape (`\x1b`, `\u202e`), and CR LF becomes LF. Printable text stays as it is.
 */
export function printable(text: string): string {
  return text.replace(STEERING, (found) => (found === '\r\n' ? '\n' : escaped(found)));
}

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}

const STEERING_IN_JSON = /\\(?:r\\n|u[\da-f]{4}|.)|(?![\t\n\r])[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gisu;
const LETTERS: Record<string, string> = { '\\b': '\b', '\\f': '\f', '\\r': '\r' };

/** The same for every string in a JSON text, however deeply it is nested, before anything parses it. */
export function printableJson(json: string): string {
  return json.replace(STEERING_IN_JSON, (found) => {
    if (found === '\\r\\n') return '\\n';
    if (!found.startsWith('\\')) return `\\${escaped(found)}`;
    const character =
      found[1] === 'u' ? String.fromCharCode(Number.parseInt(found.slice(2), 16)) : LETTERS[found];
    const shown = character === undefined ? '' : printable(character);
    return shown.startsWith('\\') && character !== '\\' ? `\\${shown}` : found;
  });
}
