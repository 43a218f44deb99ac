/** `sidecar`: serves one member of a cluster until it is told to stop. */
import { once } from 'node:events';
import { onTerminationSignal, UsageError } from '../host/index.ts';
import { runSidecar, type SidecarFlags } from '../sidecar/index.ts';
import { createLogger, type LogLevel } from '../telemetry/index.ts';

/** Runs the sidecar in the foreground; the process exits with 0 after an orderly stop, with another code when it never ran. */
export async function sidecarCommand(flags: SidecarFlags & { logLevel: LogLevel }): Promise<void> {
  const logger = createLogger({ name: 'sidecar', level: flags.logLevel });
  const stopping = new AbortController();
  // Heard from the beginning: a pod that waits for its certificate can be ended, too.
  onTerminationSignal((signal) => {
    logger.info('stopping', { signal });
    stopping.abort();
  });
  const { signal } = stopping;
  const sidecar = await runSidecar(flags, logger, signal).catch((error: unknown) => {
    // One that says what it waited for is heard: the kubelet ends who does not start.
    if (signal.aborted && !(error instanceof UsageError)) process.exit(0);
    throw error;
  });
  if (!signal.aborted) await once(signal, 'abort');
  await sidecar.stop();
  process.exit(0);
}
