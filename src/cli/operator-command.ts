/** `operator`: reconciles McpCluster resources until it is told to stop or loses its Lease. */
import { onTerminationSignal } from '../host/index.ts';
import { runOperator } from '../operator/index.ts';
import { createLogger, createMetrics, type LogLevel } from '../telemetry/index.ts';

export interface OperatorFlags {
  readonly kubeconfig?: string;
  readonly serviceAccountDir?: string;
  readonly watchNamespaces?: readonly string[];
  readonly leaderElect: boolean;
  readonly leaseName?: string;
  readonly sidecarImage?: string;
  readonly healthAddress: string;
  readonly servingPort: number;
  readonly servingUrl?: string;
  readonly servingAuthority: string;
  readonly webhookConfiguration?: string;
  readonly logLevel: LogLevel;
}

/** Runs the operator in the foreground; the process exits with 0 after an orderly stop. */
export async function operatorCommand(options: OperatorFlags): Promise<void> {
  const { logLevel, servingPort, servingUrl, servingAuthority, ...flags } = options;
  const logger = createLogger({ name: 'operator', level: logLevel });
  const operator = await runOperator({
    ...flags,
    serving: { port: servingPort, url: servingUrl, authority: servingAuthority },
    logger,
    metrics: createMetrics({ processMetrics: true }),
  });
  onTerminationSignal((signal) => {
    logger.info('stopping', { signal });
    void operator.stop();
  });
  await operator.done;
  process.exit(0);
}
