import type { ByHand } from '../../../scenario/by-hand/by-hand.ts';
import type { TcpSysctls } from '../../../tcp/sysctls.ts';

/** A paragraph, a list, a command with the caption before it and a remark below it, a list of commands, or a recipe. */
export type Block =
  | string
  | { points: readonly string[] }
  | { to: string; run: string; note?: string }
  | { commands: readonly { run: string; does: string }[] }
  | { recipe: ByHand };

/** A part of an explanation, before it is laid out for a terminal or as Markdown. */
export interface Section {
  title: string;
  blocks: readonly Block[];
}

/** The text about a state that its transitions do not give. */
export interface StateExplanation {
  /** In a few words, for a table. */
  brief: string;
  what: readonly Block[];
  /** When it ends with these settings. */
  end(sysctls: TcpSysctls): readonly Block[];
  /** What it means that a machine has many. */
  many: readonly Block[];
  remedy: readonly Block[];
  mistakes: readonly string[];
}
