/**
 * The folder of a member is its own before it reads or changes anything in it. A pod that was deleted by force may still have a
 * process on this node when its successor starts. That one waits here until the process is gone: were it to end, it would be
 * started again later and later.
 */
import { access, constants } from 'node:fs/promises';
import {
  FolderInUseError,
  lockFolder,
  makeDirectory,
  UsageError,
  type FolderLock,
  type Lifecycle,
} from '../host/index.ts';
import { STARTUP_MS_MAX, type Clock } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';

/** What is left of the time for a start is for all the rest of it. */
const WAIT_MS_MAX = STARTUP_MS_MAX - 15_000;

export interface Taking {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gives the folder back after everything else has stopped. */
  readonly lifecycle: Lifecycle;
  /** Gives up waiting. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Takes a member's folder for this process, creating it; while another process has it, waits for the end of that one, for 45
 * seconds. Rejects with {@link UsageError}, and with the reason of the signal.
 */
export async function takeDataFolder(path: string, taking: Taking): Promise<void> {
  await prepareDataDir(path);
  const { clock, logger, lifecycle, signal } = taking;
  const began = clock.monotonic();
  let isWaiting = false;
  const onWait = (holder: string): void => {
    isWaiting = true;
    logger.warn('another process has the data folder: waiting for its end', {
      folder: path,
      holder,
      waitMsMax: WAIT_MS_MAX,
    });
  };
  const options = { clock, waitMs: WAIT_MS_MAX, signal, onWait };
  const lock = await lockFolder(path, options).catch((error: Error): FolderLock => {
    throw signal?.aborted === true ? error : refusal(path, error);
  });
  lifecycle.add('data folder', () => lock.release());
  if (isWaiting) logger.info('the data folder is free', { waitedMs: clock.monotonic() - began });
}

function refusal(path: string, error: Error): UsageError {
  if (error instanceof FolderInUseError) {
    return new UsageError(
      `${error.message}, and was so for ${WAIT_MS_MAX / 1000} s: stop that process; where Kubernetes runs it, it is left of a pod of ` +
        'this name that was deleted by force, and ends on its node with "crictl stop", or with the node',
    );
  }
  return new UsageError(
    `--session-db-path: ${path}: ${error.message}; choose a volume whose file system has POSIX locks, or change its owner`,
  );
}

/** Creates a folder that must be writable; rejects with {@link UsageError}. */
async function prepareDataDir(path: string): Promise<void> {
  try {
    await makeDirectory(path);
    await access(path, constants.W_OK);
  } catch (error) {
    throw new UsageError(
      `--session-db-path: ${path} cannot be written (${(error as NodeJS.ErrnoException).code}); choose another folder or change its owner`,
    );
  }
}
