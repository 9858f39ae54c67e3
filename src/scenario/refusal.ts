import { SystemError } from '../error.ts';
import type { SocketNumber } from '../lab/host.ts';
import { connecting, type Opening } from './opening.ts';
import type { Stage } from './stage.ts';

/** Connects, and waits for the refusal. */
export async function refused(stage: Stage, by: string): Promise<Opening> {
  const startMs = stage.nowMs();
  const opening = await connecting(stage);
  await failure(stage, opening.clientSocket, by, startMs);
  return opening;
}

/** Waits until a connect has failed, and notes with which errno and how soon. */
export async function failure(
  stage: Stage,
  socket: SocketNumber,
  by: string,
  startMs: number,
): Promise<void> {
  const errno = await stage.waitFor({ failure: 'connect() did not fail' }, () =>
    stage.client.takeError(socket),
  );
  stage.note(`${by}: ${errno} after ${(stage.nowMs() - startMs).toFixed(1)} ms`);
}

/** The errno's name of a call that the kernel refused; any other error is thrown again. */
export function errnoOf(error: unknown): string {
  if (error instanceof SystemError) return error.errno;
  throw error;
}
