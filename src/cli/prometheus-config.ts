/** What a Prometheus beside a laptop cluster is told: whom to scrape, and which rules to evaluate. */
import { CLUSTER_LABEL, SIDECAR_PORTS } from '../api/index.ts';
import type { KubeResource } from '../kube/index.ts';

export interface ScrapeOptions {
  /** `host:port` of the operator's health and metrics. */
  readonly operator: string;
  /** File with the members, as {@link memberTargets} gives them; it is read again whenever it changes. */
  readonly membersFile: string;
  readonly rulesFile: string;
  readonly intervalMs: number;
}

/** The configuration, to be written as YAML. Rules are evaluated as often as is scraped. */
export function prometheusConfig(options: ScrapeOptions): object {
  const interval = `${options.intervalMs}ms`;
  return {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: [options.rulesFile],
    scrape_configs: [
      {
        job_name: 'mcp-cluster-operator',
        // Its series carry namespace and name of the McpCluster that they are about.
        honor_labels: true,
        static_configs: [{ targets: [options.operator] }],
      },
      { job_name: 'mcp-cluster-members', file_sd_configs: [{ files: [options.membersFile] }] },
    ],
  };
}

interface Pod extends KubeResource {
  readonly status?: { readonly podIP?: string };
}

/** The pods that have an address, labelled as the chart's PodMonitor labels them. */
export function memberTargets(
  pods: readonly Pod[],
  addressOf: (podIp: string) => string,
): object[] {
  return pods.flatMap(({ metadata, status }) => {
    if (status?.podIP === undefined || metadata.deletionTimestamp !== undefined) return [];
    const targets = [`${addressOf(status.podIP)}:${SIDECAR_PORTS.metrics}`];
    const labels = {
      namespace: metadata.namespace,
      pod: metadata.name,
      mcp_cluster: metadata.labels?.[CLUSTER_LABEL],
    };
    return [{ targets, labels }];
  });
}
