/** `sidecar`: serves one member of a cluster until it is told to stop. */
import { onTerminationSignal } from '../host/index.ts';
import { runSidecar, type SidecarFlags } from '../sidecar/index.ts';
import { createLogger, type LogLevel } from '../telemetry/index.ts';

/** Runs the sidecar in the foreground; the process exits with 0 after an orderly stop. */
export async function sidecarCommand(flags: SidecarFlags & { logLevel: LogLevel }): Promise<void> {
  const logger = createLogger({ name: 'sidecar', level: flags.logLevel });
  const sidecar = await runSidecar(flags, logger);
  await new Promise<void>((resolve) => {
    onTerminationSignal((signal) => {
      logger.info('stopping', { signal });
      resolve();
    });
  });
  await sidecar.stop();
  process.exit(0);
}
