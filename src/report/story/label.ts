/** What is written on an arrow. */
export interface Label {
  /** The client's, where there are several connections. */
  port: number | null;
  /** For how many others of many connections it is; 0 for a single segment. */
  others: number;
  /** tcpdump's letters; null for an ICMP error. */
  flags: string | null;
  icmp: string;
  /** `seq 1 ack 1 length 4` */
  numbers: string;
  /** `again`, `crafted` and such. */
  marks: string;
}

/** `F. seq 1 ack 1 again` */
export function labelText(label: Label): string {
  return labelled(label, label.flags ?? label.icmp, label.numbers, label.marks);
}

/** The non-empty parts, after the connection's name if there are several connections. */
export function labelled({ port, others }: Label, ...parts: string[]): string {
  const whose = [port === null ? '' : `:${port}`, others > 0 ? `${others} others:` : ''];
  return [...whose, ...parts].filter((part) => part !== '').join(' ');
}
